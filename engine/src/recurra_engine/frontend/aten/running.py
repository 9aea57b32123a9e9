"""Sums and products of all elements up to each, and products of all: in logarithmically many passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recurra_engine.frontend.aten.functions import logaddexp
from recurra_engine.frontend.aten.rules import rule
from recurra_engine.ir.graph import Node, Number, cat, const, cut, pointwise, reshape

Join = Callable[[Node, Node], Node]


def _add(a: Node, b: Node) -> Node:
    return pointwise("add", a, b)


def _mul(a: Node, b: Node) -> Node:
    return pointwise("mul", a, b)


def _running(a: Node, dim: int, join: Join, neutral: Number) -> Node:
    """Join every element with the one before, then pairs with the pair before, and so on."""
    dim %= max(len(a.shape), 1)
    reach, n = 1, a.shape[dim] if a.shape else 1
    while reach < n:
        before = const(neutral, (*a.shape[:dim], reach, *a.shape[dim + 1 :]))
        a = join(cat([before, cut(a, dim, 0, n - reach)], dim), a)
        reach *= 2
    return a


@rule("cumsum")
def _cumsum(a: Node, dim: int, **_: Any) -> Node:
    return _running(a, dim, _add, 0)


@rule("cumprod")
def _cumprod(a: Node, dim: int, **_: Any) -> Node:
    return _running(a, dim, _mul, 1)


@rule("logcumsumexp")
def _logcumsumexp(a: Node, dim: int) -> Node:
    return _running(a, dim, logaddexp, float("-inf"))


@rule("prod")
def _prod(a: Node, dim: int | None = None, keepdim: bool = False, **_: Any) -> Node:
    """Multiply halves, so that the gradient is right where an element is zero."""
    if dim is None:
        return reshape(_prod(reshape(a, (a.size,)), 0), ())
    dim %= len(a.shape)
    while (n := a.shape[dim]) > 1:
        rest = [cut(a, dim, n - 1, n)] if n % 2 else []
        half = n // 2
        a = cat([_mul(cut(a, dim, 0, half), cut(a, dim, half, 2 * half)), *rest], dim)
    return a if keepdim else reshape(a, (*a.shape[:dim], *a.shape[dim + 1 :]))
