"""Operators that sum over dimensions, and what is made of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recurra_engine.frontend.aten.elementwise import square
from recurra_engine.frontend.aten.rules import Untranslated, dims_of, rule
from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, Number, const, pointwise, reshape, softmax, total


def _kept(a: Node, reduced: Node, dims: Any, keepdim: bool) -> Node:
    gone = set() if keepdim else set(dims_of(a, dims))
    return reshape(reduced, [n for d, n in enumerate(reduced.shape) if d not in gone])


@rule("sum")
def _sum(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return _kept(a, total(a, dims_of(a, dims)), dims, keepdim)


@rule("mean")
def _mean(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    count = math.prod(a.shape[d] for d in dims_of(a, dims))
    return pointwise("mul", _sum(a, dims, keepdim), const(1 / count))


@rule("var")
def _var(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> Node:
    centred = pointwise("sub", a, _mean(a, dims, keepdim=True))
    count = math.prod(a.shape[d] for d in dims_of(a, dims))
    return pointwise("mul", _sum(square(centred), dims, keepdim), const(1 / max(count - correction, 0)))


@rule("linalg_vector_norm")
def _norm(a: Node, order: Number = 2, dims: Any = None, keepdim: bool = False) -> Node:
    if order != 2:
        raise Untranslated(f"the step computes a norm of order {order}")
    squares = _sum(square(a), dims, keepdim)
    zero = pointwise("eq", squares, const(0))  # there torch gives a gradient of zero, where the root has none
    return pointwise("where", zero, const(0), pointwise("sqrt", pointwise("where", zero, const(1), squares)))


@rule("native_layer_norm")
def _layer_norm(a: Node, shape: Sequence[int], weight: Any, bias: Any, eps: Number) -> list[Node]:
    dims = list(range(len(a.shape) - len(shape), len(a.shape)))
    mean, variance = _mean(a, dims, keepdim=True), _var(a, dims, correction=0, keepdim=True)
    scale = pointwise("rsqrt", pointwise("add", variance, const(eps)))
    y = pointwise("mul", pointwise("sub", a, mean), scale)
    y = y if weight is None else pointwise("mul", y, weight)
    return [y if bias is None else pointwise("add", y, bias), mean, scale]


@rule("_softmax")
def _softmax(a: Node, dim: int, half_to_float: bool = False) -> Node:
    last = len(a.shape) - 1
    swap = list(range(last + 1))
    swap[dim], swap[last] = swap[last], swap[dim % (last + 1)]
    return graph.permute(softmax(graph.permute(a, swap)), swap)


@rule("_log_softmax")
def _log_softmax(a: Node, dim: int, half_to_float: bool = False) -> Node:
    dims = [dim % len(a.shape)]
    low = pointwise("sub", a, graph.stop(graph.largest(a, dims)))
    return pointwise("sub", low, pointwise("log", total(pointwise("exp", low), dims)))
