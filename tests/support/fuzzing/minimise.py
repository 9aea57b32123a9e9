"""The shortest cell that still differs: statements are replaced by what is there before them, and left out."""

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
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(d):
            if _still(smaller, fails):
                d, changed = smaller, True
                break
    return d


def _still(d: Draft, fails: Fails) -> bool:
    try:
        return fails(d)
    except Exception:  # what was taken away was needed
        return False


def _smaller(d: Draft) -> Iterator[Draft]:
    """Yield drafts with a little less, from the last statement to the first."""
    for i in reversed(range(len(d.statements))):
        rest = (*d.statements[:i], *d.statements[i + 1 :])
        name = d.statements[i].name
        if not _uses(d, name):
            yield replace(d, statements=rest)
            continue
        for other in _instead(d, i):
            yield _renamed(replace(d, statements=rest), name, other)
    for i, (after, before) in enumerate(zip(d.after, d.unpacked, strict=True)):
        if after != before:
            yield replace(d, after=(*d.after[:i], before, *d.after[i + 1 :]))
    for i, start in enumerate(d.starts):
        if " + " in start:
            yield replace(d, starts=(*d.starts[:i], start.split(" + ")[0], *d.starts[i + 1 :]))
    yield from _without_weights(d)


def _without_weights(d: Draft) -> Iterator[Draft]:
    for i, line in enumerate(d.init):
        name = re.match(r"self\.(?:register_buffer\(')?(\w+)", line)[1]
        if not _uses(d, name):
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
    statements = tuple(Statement(s.name, s.shape, tuple(map(swap, s.lines)), s.construct) for s in d.statements)
    return replace(d, statements=statements, y=swap(d.y), after=tuple(map(swap, d.after)))
