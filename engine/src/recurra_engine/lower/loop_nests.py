"""Loops over the elements of a row, as few as strides allow; both code generators write them."""

from __future__ import annotations

from collections.abc import Sequence

from recurra_engine.ir.graph import Shape

CALLS = frozenset({"pow", "sin", "cos", "erf", "erfc", "atan", "asin", "atan2", "fmod", "remainder"})
"""Functions that are calls: a loop with one of them is not vectorised, so they have loops of their own."""


def merged(space: Shape, strides: Sequence[Shape]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring dimensions that every operand crosses in one stride.

    Returns:
        The sizes, and for every operand its strides.
    """
    sizes: list[int] = []
    kept: list[list[int]] = [[] for _ in strides]
    for d, n in enumerate(space):
        if sizes and all(kept[o][-1] == s[d] * n for o, s in enumerate(strides)):
            sizes[-1] *= n
            for o, s in enumerate(strides):
                kept[o][-1] = s[d]
        else:
            sizes.append(n)
            for o, s in enumerate(strides):
                kept[o].append(s[d])
    return sizes, kept


def at(offset: int, strides: Sequence[int], axes: Sequence[str]) -> str:
    """Return a C index: an offset and a stride for every loop."""
    terms = [
        axis if stride == 1 else f"{stride} * {axis}"
        for stride, axis in zip(strides, axes, strict=True)
        if stride
    ]
    return " + ".join([*([str(offset)] if offset or not terms else []), *terms])
