"""What each operator that torch records means in the engine's graph.

`translate` turns one recorded call into nodes. An operator that is missing here is not an error: the cell
runs in the loop, and `recurra explain` names the operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from recurra.engine import graph
from recurra.engine.graph import Node, Number, const, cut, dot, expand, pointwise, reshape, softmax, total

Rule = Callable[..., Any]
R = TypeVar("R", bound=Rule)
RULES: dict[str, Rule] = {}

SAME = graph.POINTWISE - {"softplus"}
"""Operators that the graph calls by the same name."""


class Untranslated(Exception):
    """A step does what the graph cannot say; the message is the reason, for `recurra explain`."""


def rule(*names: str) -> Callable[[R], R]:
    """Register what operators of these names mean, whatever their overload."""

    def register(function: R) -> R:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def translate(name: str, args: Sequence[Any], options: dict[str, Any]) -> Any:
    """Return the node, or list of nodes, of one call of `aten::name`.

    Raises:
        Untranslated: The graph has no such operator, or not with these arguments.
    """
    if name not in RULES:
        raise Untranslated(f"the step uses aten::{name}")
    try:
        return RULES[name](*args, **options)
    except (TypeError, IndexError, AttributeError) as error:
        raise Untranslated(f"the step uses aten::{name} in a way unknown to the engine ({error})") from error


def node(value: Node | Number) -> Node:
    """Return a node for an argument: itself, or a constant."""
    return value if isinstance(value, Node) else const(value)


def _dims(a: Node, dims: Any) -> tuple[int, ...]:
    if dims is None or dims == []:
        return tuple(range(len(a.shape)))
    return tuple(d % len(a.shape) for d in (dims if isinstance(dims, (list, tuple)) else [dims]))


def _scaled(value: Node | Number, alpha: Number) -> Node:
    return node(value) if alpha == 1 else pointwise("mul", node(value), const(alpha))


for _op in SAME:
    RULES[_op] = lambda *args, _op=_op: pointwise(_op, *map(node, args))


@rule("add")
def _add(a: Any, b: Any, *, alpha: Number = 1) -> Node:
    return pointwise("add", node(a), _scaled(b, alpha))


@rule("sub")
def _sub(a: Any, b: Any, *, alpha: Number = 1) -> Node:
    return pointwise("sub", node(a), _scaled(b, alpha))


@rule("rsub")
def _rsub(a: Any, b: Any, alpha: Number = 1) -> Node:
    return pointwise("sub", node(b), _scaled(a, alpha))


@rule("div")
def _div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Node:
    if rounding_mode is not None:
        raise Untranslated("the step divides with rounding")
    return pointwise("div", node(a), node(b))


@rule("reciprocal")
def _reciprocal(a: Node) -> Node:
    return pointwise("div", const(1), a)


@rule("square")
def _square(a: Node) -> Node:
    return pointwise("mul", a, a)


@rule("pow")
def _pow(a: Any, b: Any) -> Node:
    return {2: _square(a), 1: a}[b] if b in (1, 2) else pointwise("pow", node(a), node(b))


@rule("relu")
def _relu(a: Node) -> Node:
    return pointwise("where", pointwise("le", a, const(0)), const(0), a)  # NaN stays


@rule("silu")
def _silu(a: Node) -> Node:
    return pointwise("mul", a, pointwise("sigmoid", a))


@rule("leaky_relu")
def _leaky_relu(a: Node, slope: Number = 0.01) -> Node:
    return pointwise("where", pointwise("gt", a, const(0)), a, pointwise("mul", a, const(slope)))


@rule("hardtanh", "clamp")
def _clamp(a: Node, low: Any = None, high: Any = None) -> Node:
    a = a if low is None else _clamp_min(a, low)
    return a if high is None else _clamp_max(a, high)


@rule("clamp_min")
def _clamp_min(a: Node, low: Any) -> Node:
    # The gradient passes where a is at the bound, as in torch; NaN stays.
    return pointwise("where", pointwise("lt", a, node(low)), node(low), a)


@rule("clamp_max")
def _clamp_max(a: Node, high: Any) -> Node:
    return pointwise("where", pointwise("gt", a, node(high)), node(high), a)


@rule("softplus")
def _softplus(a: Node, beta: Number = 1, threshold: Number = 20) -> Node:
    if (beta, threshold) != (1, 20):
        raise Untranslated("the step uses softplus with other than its default beta and threshold")
    return pointwise("softplus", a)


@rule("log_sigmoid_forward", "log_sigmoid")
def _log_sigmoid(a: Node) -> list[Node]:
    return [pointwise("neg", pointwise("softplus", pointwise("neg", a)))]


@rule("lerp")
def _lerp(a: Node, b: Node, weight: Any) -> Node:
    return pointwise("add", a, pointwise("mul", node(weight), pointwise("sub", b, a)))


@rule("addcmul")
def _addcmul(a: Node, b: Node, c: Node, *, value: Number = 1) -> Node:
    return pointwise("add", a, _scaled(pointwise("mul", b, c), value))


@rule("masked_fill")
def _masked_fill(a: Node, mask: Node, value: Any) -> Node:
    return pointwise("where", mask, node(value), a)


@rule("logical_not", "bitwise_not")
def _not(a: Node) -> Node:
    return pointwise("where", a, const(0), const(1))


@rule("mm")
def _mm(a: Node, b: Node) -> Node:
    made = dot(reshape(a, (1, *a.shape)), reshape(b, (1, *b.shape)))
    return reshape(made, made.shape[1:])


@rule("bmm")
def _bmm(a: Node, b: Node) -> Node:
    return dot(a, b)


@rule("mv")
def _mv(a: Node, b: Node) -> Node:
    return reshape(_mm(a, reshape(b, (*b.shape, 1))), a.shape[:1])


@rule("dot")
def _dot(a: Node, b: Node) -> Node:
    return reshape(total(pointwise("mul", a, b), (0,)), ())


@rule("addmm", "baddbmm")
def _addmm(c: Node, a: Node, b: Node, *, beta: Number = 1, alpha: Number = 1) -> Node:
    product = _mm(a, b) if len(a.shape) == 2 else dot(a, b)
    return pointwise("add", _scaled(product, alpha), _scaled(c, beta))


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
    return graph.permute(a, _dims(a, order))


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
    gone = {d for d in _dims(a, dims) if a.shape[d] == 1}
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


@rule("split")
def _split(a: Node, size: int, dim: int = 0) -> list[Node]:
    n = a.shape[dim]
    return [_slice(a, dim, i, min(i + size, n)) for i in range(0, n, size)]


@rule("split_with_sizes")
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
    for d in _dims(a, dims):
        a = graph.cat([cut(a, d, i, i + 1) for i in reversed(range(a.shape[d]))], d)
    return a


@rule("roll")
def _roll(a: Node, shifts: Sequence[int], dims: Sequence[int] = ()) -> Node:
    if not dims:
        return reshape(_roll(reshape(a, (a.size,)), shifts, [0]), a.shape)
    for shift, dim in zip(shifts, _dims(a, dims), strict=True):
        k = -shift % a.shape[dim]
        a = graph.cat([_slice(a, dim, k, None), _slice(a, dim, 0, k)], dim)
    return a


@rule("constant_pad_nd")
def _constant_pad(a: Node, widths: Sequence[int], value: Number = 0) -> Node:
    if value or min(widths) < 0:
        raise Untranslated("the step pads with other than zeros")
    for i, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        a = graph.pad(a, len(a.shape) - 1 - i, before, after)
    return a


def _kept(a: Node, reduced: Node, dims: Any, keepdim: bool) -> Node:
    gone = set() if keepdim else set(_dims(a, dims))
    return reshape(reduced, [n for d, n in enumerate(reduced.shape) if d not in gone])


@rule("sum")
def _sum(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    return _kept(a, total(a, _dims(a, dims)), dims, keepdim)


@rule("mean")
def _mean(a: Node, dims: Any = None, keepdim: bool = False) -> Node:
    count = math.prod(a.shape[d] for d in _dims(a, dims))
    return pointwise("mul", _sum(a, dims, keepdim), const(1 / count))


@rule("var")
def _var(a: Node, dims: Any = None, *, correction: Number = 1, keepdim: bool = False) -> Node:
    centred = pointwise("sub", a, _mean(a, dims, keepdim=True))
    count = math.prod(a.shape[d] for d in _dims(a, dims))
    return pointwise("mul", _sum(_square(centred), dims, keepdim), const(1 / max(count - correction, 0)))


@rule("linalg_vector_norm")
def _norm(a: Node, order: Number = 2, dims: Any = None, keepdim: bool = False) -> Node:
    if order != 2:
        raise Untranslated(f"the step takes a norm of order {order}")
    squares = _sum(_square(a), dims, keepdim)
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


@rule("detach")
def _detach(a: Node) -> Node:
    return graph.stop(a)


@rule("alias", "clone", "contiguous", "lift_fresh_copy", "_conj")
def _same(a: Node, *, memory_format: Any = None) -> Node:
    return a


@rule("bitwise_and", "logical_and")
def _and(a: Node, b: Node) -> Node:
    return pointwise("mul", a, b)


@rule("bitwise_or", "logical_or")
def _or(a: Node, b: Node) -> Node:
    return pointwise("maximum", a, b)
