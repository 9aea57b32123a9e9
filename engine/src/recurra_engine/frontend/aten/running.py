"""Sums of all elements up to each, and products of all: in logarithmically many passes."""

from __future__ import annotations

from typing import Any

from recurra_engine.frontend.aten.elementwise import plus_zero
from recurra_engine.frontend.aten.rules import rule
from recurra_engine.ir.graph import Node, cat, const, cut, pointwise, reshape


@rule("cumsum")
def _cumsum(a: Node, dim: int, **_: Any) -> Node:
    """Add to every element the one before, then to pairs the pair before, and so on."""
    dim %= max(len(a.shape), 1)
    reach, n = 1, a.shape[dim] if a.shape else 1
    if a.shape and n:
        a = cat([plus_zero(cut(a, dim, 0, 1)), cut(a, dim, 1, n)], dim)
    while reach < n:
        before = const(0, (*a.shape[:dim], reach, *a.shape[dim + 1 :]))
        a = pointwise("add", cat([before, cut(a, dim, 0, n - reach)], dim), a)
        reach *= 2
    return a


@rule("prod")
def _prod(a: Node, dim: int | None = None, keepdim: bool = False, **_: Any) -> Node:
    """Multiply halves, so that the gradient is right where an element is zero."""
    if dim is None:
        return reshape(_prod(reshape(a, (a.size,)), 0), ())
    dim %= len(a.shape)
    while (n := a.shape[dim]) > 1:
        rest = [cut(a, dim, n - 1, n)] if n % 2 else []
        half = n // 2
        a = cat([pointwise("mul", cut(a, dim, 0, half), cut(a, dim, half, 2 * half)), *rest], dim)
    return a if keepdim else reshape(a, (*a.shape[:dim], *a.shape[dim + 1 :]))
