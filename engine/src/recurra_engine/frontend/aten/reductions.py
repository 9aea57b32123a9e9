"""Operators that sum over dimensions, and what is made of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recurra_engine.frontend.aten.elementwise import plus_zero, square
from recurra_engine.frontend.aten.rules import Untranslated, dims_of, rule
from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, Number, const, largest, pointwise, reshape, softmax, stop, total


def _kept(a: Node, reduced: Node, dims: Any, keepdim: bool) -> Node:
    gone = set() if keepdim else set(dims_of(a, dims))
    return reshape(reduced, [n for d, n in enumerate(reduced.shape) if d not in gone])


@rule("sum")
def _sum(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    made = total(a, dims_of(a, dims))
    return _kept(a, plus_zero(a) if made is a else made, dims, keepdim)


@rule("mean")
def _mean(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    count = math.prod(a.shape[d] for d in dims_of(a, dims))
    return pointwise("mul", _sum(a, dims, keepdim), const(1 / count))


@rule("var")
def _var(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> Node:
    mean = _mean(a, dims, keepdim=True)
    # As in torch, an infinite number makes no NaN of the others' gradients by way of the mean.
    finite = pointwise("lt", pointwise("abs", mean), const(math.inf))
    centred = pointwise("sub", a, pointwise("where", finite, mean, stop(mean)))
    count = math.prod(a.shape[d] for d in dims_of(a, dims))
    free = max(count - correction, 0)
    return pointwise("mul", _sum(square(centred), dims, keepdim), const(1 / free if free else math.inf))


def _root(a: Node) -> Node:
    """Return the square root, where it is zero with a gradient of zero, as torch's norms have it."""
    zero = pointwise("eq", a, const(0))
    return pointwise("where", zero, const(0), pointwise("sqrt", pointwise("where", zero, const(1), a)))


@rule("std")
def _std(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> Node:
    return _root(_var(a, dims, correction=correction, keepdim=keepdim))


@rule("var_mean")
def _var_mean(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> list[Node]:
    return [_var(a, dims, correction=correction, keepdim=keepdim), _running_mean(a, dims, keepdim)]


@rule("std_mean")
def _std_mean(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> list[Node]:
    return [_std(a, dims, correction=correction, keepdim=keepdim), _running_mean(a, dims, keepdim)]


def _running_mean(a: Node, dims: Any, keepdim: bool) -> Node:
    """Return the mean as torch has it beside a variance: NaN if an infinity is not the last element."""
    kept, mean = dims_of(a, dims), _mean(a, dims, keepdim)
    before = a
    if len(kept) == 1:
        before = graph.cut(a, kept[0], 0, a.shape[kept[0]] - 1) if a.shape[kept[0]] > 1 else const(0, a.shape)
    finite = pointwise("lt", pointwise("abs", _sum(before, dims, keepdim)), const(math.inf))
    return pointwise("add", mean, stop(pointwise("where", finite, const(0), const(math.nan))))


@rule("amax")
def _amax(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return _kept(a, largest(a, dims_of(a, dims)), dims, keepdim)


@rule("amin")
def _amin(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return pointwise("neg", _amax(pointwise("neg", a), dims, keepdim))


@rule("any")
def _any(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return _amax(stop(pointwise("ne", a, const(0))), dims, keepdim)


@rule("all")
def _all(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return pointwise("sub", const(1), _any(pointwise("eq", a, const(0)), dims, keepdim))


@rule("aminmax")
def _aminmax(a: Node, *, dim: int | None = None, keepdim: bool = False) -> list[Node]:
    return [_amin(a, dim, keepdim), _amax(a, dim, keepdim)]


@rule("max")
def _max(a: Node, dim: int | None = None, keepdim: bool = False) -> Node | list[Node]:
    return _amax(a) if dim is None else _with_place(a, dim, keepdim)


@rule("min")
def _min(a: Node, dim: int | None = None, keepdim: bool = False) -> Node | list[Node]:
    if dim is None:
        return _amin(a)
    value, place = _with_place(pointwise("neg", a), dim, keepdim)
    return [pointwise("neg", value), place]


@rule("argmax")
def _argmax(a: Node, dim: int | None = None, keepdim: bool = False) -> Node:
    if dim is None:
        raise Untranslated("the step takes the place of the largest element of all")
    return _with_place(a, dim, keepdim)[1]


@rule("argmin")
def _argmin(a: Node, dim: int | None = None, keepdim: bool = False) -> Node:
    return _argmax(pointwise("neg", a), dim, keepdim)


def _with_place(a: Node, dim: int, keepdim: bool) -> list[Node]:
    """Return the largest elements along a dimension, and where the first of each is; it gets the gradient."""
    dim %= len(a.shape)
    numbers = [const(i, (*a.shape[:dim], 1, *a.shape[dim + 1 :])) for i in range(a.shape[dim])]
    places, top = graph.cat(numbers, dim), largest(a, (dim,))
    as_large = pointwise("maximum", pointwise("eq", a, top), pointwise("ne", a, a))
    chosen = pointwise("where", as_large, pointwise("neg", places), const(-math.inf))
    first = stop(pointwise("neg", largest(chosen, (dim,))))
    from_first = total(pointwise("where", pointwise("eq", places, first), a, const(0)), (dim,))
    value = graph.straight_through(top, from_first)
    return [_kept(a, value, dim, keepdim), _kept(a, first, dim, keepdim)]


@rule("logsumexp")
def _logsumexp(a: Node, dims: Any, keepdim: bool = False) -> Node:
    top = stop(largest(a, dims_of(a, dims)))
    finite = pointwise("lt", pointwise("abs", top), const(math.inf))
    top = pointwise("where", finite, top, const(0))
    rest = pointwise("log", total(pointwise("exp", pointwise("sub", a, top)), dims_of(a, dims)))
    return _kept(a, pointwise("add", rest, top), dims, keepdim)


@rule("linalg_vector_norm")
def _norm(a: Node, order: Number = 2, dims: Any = None, keepdim: bool = False) -> Node:
    if order == 1:
        return _sum(pointwise("abs", a), dims, keepdim)
    if order != 2:
        raise Untranslated(f"the step computes a norm of order {order}")
    return _root(_sum(square(a), dims, keepdim))


@rule("native_layer_norm")
def _layer_norm(a: Node, shape: Sequence[int], weight: Any, bias: Any, eps: Number) -> list[Node]:
    dims = list(range(len(a.shape) - len(shape), len(a.shape)))
    mean, variance = _mean(a, dims, keepdim=True), _var(a, dims, correction=0, keepdim=True)
    scale = pointwise("rsqrt", pointwise("add", variance, const(eps)))
    y = pointwise("mul", pointwise("sub", a, mean), scale)
    y = y if weight is None else pointwise("mul", y, weight)
    return [plus_zero(y) if bias is None else pointwise("add", y, bias), mean, scale]


@rule("native_group_norm")
def _group_norm(
    a: Node, weight: Any, bias: Any, n: int, channels: int, elements: int, groups: int, eps: Number
) -> list[Node]:
    inner = reshape(a, (n, groups, channels // groups * elements))
    y, mean, scale = _layer_norm(inner, inner.shape[2:], None, None, eps)
    y = _per_channel(reshape(y, a.shape), weight, bias)
    return [y, reshape(mean, (n, groups)), reshape(scale, (n, groups))]


@rule("native_batch_norm")
def _batch_norm(
    a: Node, weight: Any, bias: Any, mean: Node, var: Node, training: bool, momentum: Number, eps: Number
) -> list[Node]:
    centred = _per_channel(a, None, pointwise("neg", mean))
    scaled = _per_channel(centred, pointwise("rsqrt", pointwise("add", var, const(eps))), None)
    return [_per_channel(scaled, weight, bias)]


def _per_channel(a: Node, scale: Node | None, shift: Node | None) -> Node:
    """Return a (N, C, ...) times and plus a number for each channel."""
    for op, number in (("mul", scale), ("add", shift)):
        if number is not None:
            a = pointwise(op, a, reshape(number, (number.size, *[1] * (len(a.shape) - 2))))
    return a


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
