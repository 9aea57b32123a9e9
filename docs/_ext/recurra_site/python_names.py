"""The reference of the public names of every package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from recurra_site.markdown import from_docstring, table
from recurra_site.values import doc_of

PACKAGES = {
    "recurra": "The core: cells, memories, tasks, trainers, states, hooks and errors.",
    "recurra_wrappers": "Wrappers of cells and sequence layers.",
    "recurra_lab": "Experiments, training, runs, optimizers and evaluation.",
    "recurra_contract": "The conformance tests of components.",
}
LONGEST = 500
"""Longest value in characters that is shown."""
SIMPLE = (int, float, str, bool, type(None))
Signed = Callable[..., Any]


def pages() -> dict[str, str]:
    """Return a page for each package, with an entry for each of its public names."""
    return {f"reference/{name}.md": _page(name, summary) for name, summary in PACKAGES.items()}


def public_names(package: str) -> list[str]:
    """Return the public names of a package, sorted."""
    module = import_module(package)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if _is_own(module, name)]
    return sorted(names, key=str.lower)


def _is_own(module: ModuleType, name: str) -> bool:
    value = getattr(module, name)
    return not name.startswith("_") and getattr(value, "__module__", "").startswith(module.__name__)


def _page(package: str, summary: str) -> str:
    names = public_names(package)
    values = {name: getattr(import_module(package), name) for name in names}
    overview = table(
        ("name", "description"),
        [(f"{{py:obj}}`{name} <{package}.{name}>`", first_line(doc(package, name))) for name in names],
    )
    usage = f"```python\nfrom {package} import {next(n for n in names if n[0] != '_')}\n```"
    entries = (_entry(package, name, value) for name, value in values.items())
    return "\n\n".join([f"# {package}", summary, usage, overview, *entries])


def doc(package: str, name: str) -> str:
    """Return the docstring of a public name; a value has the string below its assignment."""
    value = getattr(import_module(package), name)
    own = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    return (inspect.getdoc(value) if own else doc_of(package, name)) or ""


def first_line(text: str) -> str:
    """Return the first paragraph of a docstring as one line."""
    return text.split("\n\n")[0].replace("\n", " ")


def _entry(package: str, name: str, value: Any) -> str:
    title = f"{package}.{name}"
    if inspect.isclass(value):
        body = [from_docstring(value.__dict__.get("__doc__")), *_members(value)]
        return _directive(
            "class", f"{title}{signature(value)}", "\n\n".join(part for part in body if part), 6
        )
    if inspect.isroutine(value):
        return _directive("function", f"{title}{signature(value)}", from_docstring(value.__doc__), 6)
    shown = _told(value)
    return _directive("data", title, "\n\n".join(part for part in (doc(package, name), shown) if part), 6)


def _told(value: Any) -> str:
    text = repr(value)
    return f"```python\n{text}\n```" if len(text) < LONGEST and " at 0x" not in text else ""


def _members(owner: type) -> Iterator[str]:
    for name, raw in vars(owner).items():
        member = raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw
        if name.startswith(("_", "model_")) or not getattr(member, "__doc__", None):
            continue
        if isinstance(member, property):
            yield _directive("property", name, from_docstring(member.__doc__), 5)
        elif inspect.isfunction(member):
            bound = not isinstance(raw, staticmethod)
            flag = ":classmethod:\n" if isinstance(raw, classmethod) else ""
            yield _directive(
                "method", f"{name}{signature(member, bound)}", f"{flag}\n{from_docstring(member.__doc__)}", 5
            )


def _directive(kind: str, title: str, body: str, ticks: int) -> str:
    fence = "`" * ticks
    return f"{fence}{{py:{kind}}} {title}\n{body}\n{fence}"


def signature(value: Signed, bound: bool = False) -> str:
    """Return the parameters without their types, which the descriptions tell; `()` if they are unknown."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "()"
    parameters = list(found.parameters.values())[1 if bound else 0 :]
    shown = [p.replace(annotation=p.empty, default=_default(p.default)) for p in parameters]
    return str(found.replace(parameters=shown, return_annotation=found.empty))


class _Ellipsis:
    def __repr__(self) -> str:
        return "..."


def _default(value: Any) -> Any:
    return value if value is inspect.Parameter.empty or isinstance(value, SIMPLE) else _Ellipsis()
