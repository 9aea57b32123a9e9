"""Docstrings of values, which Python does not keep: the string below an assignment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path


def doc_of(package: str, name: str) -> str:
    """Return the string below the assignment of a public value; empty if there is none."""
    module = _origin(package, name)
    if module != package and name not in _docs(module):
        return doc_of(module, name)
    return _docs(module).get(name, "")


def _origin(package: str, name: str) -> str:
    """Return the module from which a package's stub or `__init__` imports a name."""
    root = _file(package)
    stub = root.with_suffix(".pyi")
    for node in ast.parse((stub if stub.is_file() else root).read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and any(name in (a.name, a.asname) for a in node.names):
            return node.module or package
    return package


@cache
def _docs(module: str) -> dict[str, str]:
    body = ast.parse(_file(module).read_text("utf-8")).body
    return {name: _text(after) for before, after in pairwise(body) for name in _assigned(before)}


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def _text(node: ast.stmt) -> str:
    known = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return str(node.value.value) if known else ""  # type: ignore[attr-defined]


def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)
