"""`recurra info`: describes a component and its options."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import click

from recurra.plugins.hooks import KINDS, Kind
from recurra_lab.cli._arguments import names_of
from recurra_lab.cli._output import DIGITS
from recurra_lab.formatting import number

if TYPE_CHECKING:
    from recurra.plugins.registry import Offer

SECTIONS = ("model", "run")
"""Sections of an experiment that are not components."""
LABEL = re.compile(r"[\w ,()]{1,24}: |- ")
"""Begins a paragraph of a docstring, such as `Shapes: `."""
CHOSEN: tuple[Literal["optimizer", "schedule"], ...] = ("optimizer", "schedule")
"""Kinds of extension that have options."""


@click.command()
@click.argument("name", shell_complete=names_of(*KINDS))
@click.option("--kind", type=click.Choice(KINDS), help="Kind of component, if several kinds share the name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, kind: Kind | None, as_json: bool) -> None:
    """Describe the component NAME and its options: key, values, default and meaning.

    NAME is a cell, memory, task, trainer, optimizer or schedule, or one of the sections `model` and `run`.

    \b
    recurra info ntm
    recurra info memory:ntm
    recurra info run
    """  # noqa: D301 (click reads the backspace)
    facts = _section(name) if name in SECTIONS and kind is None else _chosen(name) or _component(name, kind)
    width = min(shutil.get_terminal_size().columns, 100)
    click.echo(
        json.dumps(facts, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(facts, width))
    )


def _section(name: str) -> dict[str, Any]:
    from recurra_lab.experiments.experiment import sections
    from recurra_lab.experiments.option_list import options_below

    section = sections({}).parts[name]
    doc, options = _doc(section.owner), options_below(section)
    return {
        "kind": "section",
        "name": name,
        "summary": "",
        "doc": doc,
        "options": [asdict(o) for o in options],
    }


def _chosen(name: str) -> dict[str, Any] | None:
    """Return the facts of an optimizer or a schedule, unless a component has the name."""
    from recurra.plugins import registry
    from recurra_lab.experiments.option_list import options_of_choice
    from recurra_lab.extensions.offers import find, offers

    kind = next((k for k in CHOSEN if any(offer.answers_to(name) for offer in offers(k))), None)
    if kind is None or any(offer.answers_to(name) for offer in registry.components()):
        return None
    offer = find(kind, name)
    model, options = options_of_choice(kind, name)
    return {
        "kind": kind,
        "name": offer.component.name,
        "summary": offer.component.summary,
        "plugin": f"{offer.dist} {offer.version}",
        "doc": _doc(model),
        "options": [asdict(option) for option in options],
    }


def _component(name: str, kind: Kind | None) -> dict[str, Any]:
    from recurra.plugins import registry
    from recurra_lab.experiments.option_list import options_of

    offer, others = _offer(name, kind)
    component = offer.component
    owner = registry.load(component.kind, offer.qualified)
    return {
        "kind": component.kind,
        "name": component.name,
        "summary": component.summary,
        "paper": component.paper,
        "plugin": f"{offer.dist} {offer.version}".strip(),
        "doc": _doc(owner),
        "options": [asdict(option) for option in options_of(owner, component.kind, component.name)],
        "baselines": _baselines(owner),
        "see_also": [f"{other.component.kind}:{other.component.name}" for other in others],
    }


def _offer(name: str, kind: Kind | None) -> tuple[Offer, list[Offer]]:
    """Return the requested component, and those of other kinds with the same name."""
    from recurra.errors import UnknownComponent, nearest
    from recurra.plugins import registry

    prefix, _, short = name.partition(":")
    if kind is None and prefix in KINDS and short:
        name, kind = short, prefix
    if kind is not None:
        return registry.find(kind, name), []
    offers = [offer for offer in registry.components() if offer.answers_to(name)]
    if not offers:
        known = [*dict.fromkeys(offer.component.name for offer in registry.components()), *SECTIONS]
        message = f"there is no component '{name}'; expected one of {', '.join(known)}"
        raise UnknownComponent(message + nearest(name, known))
    first = registry.find(offers[0].component.kind, name)
    return first, [offer for offer in offers if offer.component.kind != first.component.kind]


def _doc(owner: type) -> str:
    """Return the docstring of a class up to its arguments, which are listed separately."""
    return re.split(r"\n(?:Args|Attributes|Raises):\n", inspect.cleandoc(owner.__doc__ or ""))[0].strip()


def _baselines(owner: type) -> Mapping[str, Mapping[str, float]]:
    """Return the scores of simple baselines on a task with default options, if it defines any."""
    from recurra.errors import RecurraError
    from recurra.task import Task

    if not issubclass(owner, Task) or owner.baselines is Task.baselines:
        return {}
    make: Callable[[], Task] = owner
    try:
        return make().baselines()
    except RecurraError:  # it needs an option or a file; the rest can still be shown
        return {}


def _lines(facts: dict[str, Any], width: int) -> Iterator[str]:
    known = [facts["kind"], facts.get("plugin"), facts.get("paper")]
    yield f"{click.style(facts['name'], bold=True)}  ({' · '.join(word for word in known if word)})"
    yield from [facts["summary"]] if facts["summary"] else []
    yield from ["", *_wrapped(facts["doc"], width), ""]
    yield from _options(facts["options"], width) if facts["options"] else ["No options."]
    yield from _predictors(facts.get("baselines", {}), width)
    for other in facts.get("see_also", []):
        yield f"See also: recurra info {other}"


def _predictors(baselines: Mapping[str, Mapping[str, float]], width: int) -> Iterator[str]:
    if baselines:
        yield from ["", "Scores of simple baselines, with default options:"]
    for predictor, scores in baselines.items():
        message = ", ".join(f"{name} {number(value, DIGITS)}" for name, value in scores.items())
        yield from _filled(f"{predictor}: {message}", width, "  ", "    ")


def _wrapped(doc: str, width: int) -> Iterator[str]:
    """Yield a docstring with its paragraphs filled; indented lines are equations and stay as they are."""
    for paragraph in _paragraphs(doc):
        fills = paragraph and not paragraph.startswith(" ")
        yield from _filled(paragraph, width) if fills else [paragraph]


def _paragraphs(doc: str) -> list[str]:
    """Join the lines of each paragraph; empty and indented lines are entries of their own."""
    found = [""]
    for line in doc.splitlines():
        text = line and not line.startswith(" ")
        if text and found[-1] and not found[-1].startswith(" ") and not LABEL.match(line):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found[1:]


def _filled(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return the lines of a text; names with hyphens are not broken, so that they can be copied."""
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _options(options: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    when = ""
    for option in options:
        if option["when"] != when:
            when = option["when"]
            yield f"with {when}:" if when else ""
        yield from _option(option, "  " if when else "", width)


def _option(option: dict[str, Any], indent: str, width: int) -> Iterator[str]:
    default = "" if option["required"] else f" = {_toml(option['default'])}"
    yield f"{indent}{click.style(option['key'], bold=True)}{default}"
    message = f"{option['description']} ({option['values']})".strip()
    yield from _filled(message, width, f"{indent}    ", f"{indent}    ")


def _toml(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
