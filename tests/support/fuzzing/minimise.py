"""The shortest cell that still differs: statements are replaced by what is there before them, or left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from fuzzing.cells import Draft
from fuzzing.writer import Statement

Fails = Callable[[Draft], bool]


def minimised(d: Draft, fails: Fails) -> Draft:
    """Return a draft from which nothing can be taken without losing the failure.

    Args:
        d: A cell that fails.
        fails: Says whether a draft still fails; one that cannot be built does not.
    """
    before = None
    while d is not before:
        before = d
        for i in reversed(range(len(d.statements))):
            d = _first(_without_statement(d, i), fails) or d
        for i in range(len(d.after)):
            d = _first(_without_change(d, i), fails) or d
        for i in reversed(range(len(d.init))):
            d = _first(_without_weight(d, i), fails) or d
    return d


def _first(smaller: Iterator[Draft], fails: Fails) -> Draft | None:
    return next((draft for draft in smaller if _still(draft, fails)), None)


def _still(d: Draft, fails: Fails) -> bool:
    try:
        return fails(d)
    except Exception:  # what was taken away was needed
        return False


def _without_statement(d: Draft, i: int) -> Iterator[Draft]:
    rest = replace(d, statements=(*d.statements[:i], *d.statements[i + 1 :]))
    name = d.statements[i].name
    if not _uses(d, name):
        yield rest
        return
    for other in _instead(d, i):
        yield _renamed(rest, name, other)


def _without_change(d: Draft, i: int) -> Iterator[Draft]:
    """Yield drafts in which a state stays as it is, and starts at zero."""
    before, start = d.unpacked[i], d.starts[i].split(" + ")[0]
    if d.after[i] != before:
        yield replace(d, after=(*d.after[:i], before, *d.after[i + 1 :]))
    if d.starts[i] != start:
        yield replace(d, starts=(*d.starts[:i], start, *d.starts[i + 1 :]))


def _without_weight(d: Draft, i: int) -> Iterator[Draft]:
    name = re.match(r"self\.(?:register_buffer\(')?(\w+)", d.init[i])
    if name and not _uses(d, name[1]):
        yield replace(d, init=(*d.init[:i], *d.init[i + 1 :]))


def _uses(d: Draft, name: str) -> bool:
    texts = [d.y, *d.after, *d.starts]
    for s in d.statements:
        texts += [line.removeprefix(f"{s.name} =") if s.name == name else line for line in s.lines[:1]]
        texts += [] if s.name == name else s.lines[1:]
    return any(re.search(rf"\b{name}\b", text) for text in texts)


def _instead(d: Draft, i: int) -> Iterator[str]:
    """Yield names of values of the same shape that are there before a statement."""
    shape = d.statements[i].shape
    yield from (name for name, own in zip(d.unpacked, d.shapes, strict=True) if own == shape)
    if shape == (d.inputs,):
        yield "x"
    yield from (s.name for s in d.statements[:i] if s.shape == shape)


def _renamed(d: Draft, name: str, other: str) -> Draft:
    swap = lambda text: re.sub(rf"\b{name}\b", other, text)  # noqa: E731
    statements = tuple(
        Statement(s.name, s.shape, tuple(map(swap, s.lines)), s.construct) for s in d.statements
    )
    return replace(d, statements=statements, y=swap(d.y), after=tuple(map(swap, d.after)))
