"""Operators that move elements, and those that leave them alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recurra_engine.frontend.aten.rules import dims_of, node, rule
from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, Number, const, cut, expand, reshape


@rule("t")
def _t(a: Node) -> Node:
    return graph.permute(a, tuple(reversed(range(len(a.shape)))))


@rule("transpose")
def _transpose(a: Node, d: int, e: int) -> Node:
    order = list(range(len(a.shape)))
    order[d], order[e] = order[e], order[d]
    return graph.permute(a, order)


@rule("permute")
def _permute(a: Node, order: Sequence[int]) -> Node:
    return graph.permute(a, dims_of(a, order))


@rule("view", "reshape", "_unsafe_view", "_reshape_alias")
def _view(a: Node, shape: Sequence[int], *strides: Any) -> Node:
    known = math.prod(n for n in shape if n != -1)
    return reshape(a, [a.size // max(known, 1) if n == -1 else n for n in shape])


@rule("unsqueeze")
def _unsqueeze(a: Node, dim: int) -> Node:
    dim %= len(a.shape) + 1
    return reshape(a, (*a.shape[:dim], 1, *a.shape[dim:]))


@rule("squeeze")
def _squeeze(a: Node, dims: Any = None) -> Node:
    gone = {d for d in dims_of(a, dims) if a.shape[d] == 1}
    return reshape(a, [n for d, n in enumerate(a.shape) if d not in gone])


@rule("expand")
def _expand(a: Node, shape: Sequence[int], *, implicit: bool = False) -> Node:
    own = (1,) * (len(shape) - len(a.shape)) + a.shape
    return expand(a, [m if n == -1 else n for n, m in zip(shape, own, strict=True)])


@rule("slice")
def _slice(a: Node, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1) -> Node:
    dim %= len(a.shape)
    begin, end, stride = slice(start, stop, step).indices(a.shape[dim])
    if stride == 1:
        return cut(a, dim, begin, max(begin, end))
    return graph.cat([cut(a, dim, i, i + 1) for i in range(begin, end, stride)], dim)


@rule("narrow")
def _narrow(a: Node, dim: int, start: int, length: int) -> Node:
    return _slice(a, dim, start, start + length)


@rule("select")
def _select(a: Node, dim: int, index: int) -> Node:
    dim, index = dim % len(a.shape), index % a.shape[dim]
    return reshape(cut(a, dim, index, index + 1), (*a.shape[:dim], *a.shape[dim + 1 :]))


@rule("unbind")
def _unbind(a: Node, dim: int = 0) -> list[Node]:
    return [_select(a, dim, i) for i in range(a.shape[dim])]


@rule("split", "unsafe_split")
def _split(a: Node, size: int, dim: int = 0) -> list[Node]:
    n = a.shape[dim]
    return [_slice(a, dim, i, min(i + size, n)) for i in range(0, n, size)]


@rule("split_with_sizes", "unsafe_split_with_sizes")
def _split_with_sizes(a: Node, sizes: Sequence[int], dim: int = 0) -> list[Node]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [_slice(a, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


@rule("cat")
def _cat(parts: Sequence[Node], dim: int = 0) -> Node:
    return graph.cat(parts, dim % len(parts[0].shape))


@rule("stack")
def _stack(parts: Sequence[Node], dim: int = 0) -> Node:
    return _cat([_unsqueeze(part, dim) for part in parts], dim)


@rule("flip")
def _flip(a: Node, dims: Sequence[int]) -> Node:
    for d in dims_of(a, dims):
        a = graph.cat([cut(a, d, i, i + 1) for i in reversed(range(a.shape[d]))], d)
    return a


@rule("roll")
def _roll(a: Node, shifts: Sequence[int], dims: Sequence[int] = ()) -> Node:
    if not dims:
        return reshape(_roll(reshape(a, (a.size,)), shifts, [0]), a.shape)
    for shift, dim in zip(shifts, dims_of(a, dims), strict=True):
        k = -shift % a.shape[dim]
        a = graph.cat([_slice(a, dim, k, None), _slice(a, dim, 0, k)], dim)
    return a


@rule("repeat")
def _repeat(a: Node, times: Sequence[int]) -> Node:
    own = (1,) * (len(times) - len(a.shape)) + a.shape
    apart = reshape(a, [m for n in own for m in (1, n)])
    made = expand(apart, [m for k, n in zip(times, own, strict=True) for m in (k, n)])
    return reshape(made, [k * n for k, n in zip(times, own, strict=True)])


@rule("constant_pad_nd")
def _constant_pad(a: Node, widths: Sequence[int], value: Number = 0) -> Node:
    for i, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        dim = len(a.shape) - 1 - i
        a = cut(a, dim, max(-before, 0), a.shape[dim] - max(-after, 0))
        a = _padded(a, dim, max(before, 0), max(after, 0), value)
    return a


def _padded(a: Node, dim: int, before: int, after: int, value: Number) -> Node:
    if value == 0:
        return graph.pad(a, dim, before, after)
    ends = [const(value, (*a.shape[:dim], n, *a.shape[dim + 1 :])) for n in (before, after)]
    return graph.cat([ends[0], a, ends[1]], dim)


@rule("copy")
def _copy(a: Node, source: Node, non_blocking: bool = False) -> Node:
    return expand(source, a.shape)


@rule("fill")
def _fill(a: Node, value: Any) -> Node:
    return expand(node(value), a.shape)


@rule("zero")
def _zero(a: Node) -> Node:
    return const(0, a.shape)


@rule("detach")
def _detach(a: Node) -> Node:
    return graph.stop(a)


@rule("alias", "clone", "contiguous", "lift_fresh_copy", "_conj")
def _same(a: Node, *, memory_format: Any = None) -> Node:
    return a
