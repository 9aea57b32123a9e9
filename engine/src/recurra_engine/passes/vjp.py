"""The vector-Jacobian product of a graph, by reverse accumulation over its nodes.

`pullback` traverses the graph from results to leaves and sums, for every leaf, the gradients from its users.
The gradient is a graph of the same kind of nodes; it shares nodes with the forward graph where both compute
the same value.

The gradient of a matrix that all rows share is handled separately. It is the sum, over rows and steps, of one
outer product per row, which equals a single matrix product (`Outer`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from recurra_engine.ir import graph
from recurra_engine.ir.division import floor_divided
from recurra_engine.ir.graph import SHARED, Node, const, cut, dot, expand, permute, pointwise, reshape, total
from recurra_engine.ir.torch_calls import gradients

Pulled = list[tuple[Node, Node]]
"""The gradients that a node passes to its arguments: pairs of an argument and its gradient."""


@dataclass(frozen=True)
class Outer:
    """A term of a matrix's gradient: the sum over rows and steps of a^T g, a (Z, I, K), g (Z, I, J)."""

    a: Node
    g: Node


@dataclass
class Gradients:
    """The result of a pullback: the gradient of each leaf as a node, or as a list of outer products."""

    of: dict[Node, Node] = field(default_factory=dict)
    outer: dict[Node, list[Outer]] = field(default_factory=dict)


def pullback(seeds: Mapping[Node, Node], wanted: Iterable[Node]) -> Gradients:
    """Return the gradients of the wanted leaves.

    Args:
        seeds: The incoming gradient of each result.
        wanted: The leaves whose gradient is requested; no other gradients are computed.
    """
    order = graph.sorted_by_use(seeds)
    active = set(wanted)
    for node in order:
        if node.op != "stop" and any(arg in active for arg in node.args):
            active.add(node)
    received: dict[Node, list[Node]] = {node: [g] for node, g in seeds.items() if node in active}
    found = Gradients()
    for node in reversed(order):
        if node in active and node in received:
            g = _joined(received.pop(node))
            if node.args:
                _send(node, g, active, received, found)
            else:
                found.of[node] = g
    return found


def _send(node: Node, g: Node, active: set[Node], received: dict[Node, list[Node]], found: Gradients) -> None:
    if node.op == "dot" and node.args[1].level == SHARED:
        a, w = node.args
        if w in active:
            found.outer.setdefault(w, []).append(Outer(a, g))
        pulled = [(a, dot(g, permute(w, (0, 2, 1))))] if a in active else []
    else:
        pulled = [(arg, back) for arg, back in PULL[node.op](node, g) if arg in active]
    for arg, back in pulled:
        if not graph.is_const(back, 0):
            received.setdefault(arg, []).append(back)


def _joined(parts: list[Node]) -> Node:
    """Add gradients; those of adjacent slices are concatenated instead."""
    pads: dict[int, list[Node]] = {}
    for part in parts:
        if part.op == "pad":
            pads.setdefault(part.data[0], []).append(part)
    joined = [part for part in parts if part.op != "pad"]
    for dim, pieces in pads.items():
        joined += _side_by_side(pieces, dim)
    result = joined[0]
    for part in joined[1:]:
        result = pointwise("add", result, part)
    return result


def _side_by_side(pieces: list[Node], dim: int) -> list[Node]:
    pieces = sorted(pieces, key=lambda piece: piece.data[1])
    shape = pieces[0].shape
    parts, end = [], 0
    for piece in pieces:
        start, inner = piece.data[1], piece.args[0]
        if start < end:
            return pieces  # they overlap
        if start > end:
            parts.append(_zeros(shape, dim, start - end))
        parts.append(inner)
        end = start + inner.shape[dim]
    if end < shape[dim]:
        parts.append(_zeros(shape, dim, shape[dim] - end))
    return [graph.cat(parts, dim)]


def _zeros(shape: graph.Shape, dim: int, width: int) -> Node:
    return const(0, (*shape[:dim], width, *shape[dim + 1 :]))


def unbroadcast(g: Node, shape: graph.Shape) -> Node:
    """Sum a gradient over the dimensions along which its argument was broadcast."""
    return total(g, [d for d, n in enumerate(shape) if n == 1 and g.shape[d] != 1])


# --- the gradient of each kind of node ----------------------------------------------------------------------

Slope = Callable[[Node, Node], list[Node | None]]


def _mul(*factors: Node) -> Node:
    result = factors[0]
    for factor in factors[1:]:
        result = pointwise("mul", result, factor)
    return result


def _over(a: Node, b: Node) -> Node:
    return pointwise("div", a, b)


def _less(a: Node, b: Node) -> Node:
    return pointwise("sub", a, b)


def _minus(a: Node) -> Node:
    return pointwise("neg", a)


def _pow(n: Node, g: Node) -> list[Node | None]:
    a, b = n.args
    if graph.is_const(b):
        lower = _nothing(g) if b.data[0] == 0 else _mul(g, b, pointwise("pow", a, const(b.data[0] - 1)))
        return [lower, None]
    lower = _mul(g, b, pointwise("pow", a, _less(b, const(1))))
    # At 0^b, PyTorch's gradient of the exponent is 0 unless b is negative.
    zero = _mul(pointwise("eq", a, const(0)), pointwise("ge", b, const(0)))
    of_b = pointwise("where", zero, const(0), _mul(g, _mul(n, pointwise("log", a))))
    return [pointwise("where", pointwise("eq", b, const(0)), const(0), lower), of_b]


def _nothing(g: Node) -> Node:
    """Return zeros that are a gradient: what they are multiplied by may be infinite, as in autograd."""
    return _mul(pointwise("gt", pointwise("abs", g), const(math.inf)), const(0))


def _chosen(op: str) -> Slope:
    # As in PyTorch, each receives half at a tie, and all of it if one is NaN, which is neither more nor less.
    def slope(n: Node, g: Node) -> list[Node | None]:
        a, b = n.args
        shared = pointwise("where", pointwise("eq", a, b), _mul(g, const(0.5)), g)
        return [pointwise("where", pointwise(op, *pair), const(0), shared) for pair in ((b, a), (a, b))]

    return slope


def _where(n: Node, g: Node) -> list[Node | None]:
    return [None, pointwise("where", n.args[0], g, const(0)), pointwise("where", n.args[0], const(0), g)]


ONE = const(1)
SLOPES: dict[str, Slope] = {
    "neg": lambda n, g: [_minus(g)],
    "exp": lambda n, g: [_mul(g, n)],
    "log": lambda n, g: [_over(g, n.args[0])],
    "log1p": lambda n, g: [_over(g, pointwise("add", n.args[0], ONE))],
    "expm1": lambda n, g: [_mul(g, pointwise("add", n, ONE))],
    "tanh": lambda n, g: [_mul(g, _less(ONE, _mul(n, n)))],
    "sigmoid": lambda n, g: [_mul(g, _mul(n, _less(ONE, n)))],
    "softplus": lambda n, g: [_mul(g, _softplus_slope(n.args[0]))],
    "sqrt": lambda n, g: [_over(g, _mul(n, const(2)))],
    "rsqrt": lambda n, g: [_mul(g, const(-0.5), _mul(n, _mul(n, n)))],
    "abs": lambda n, g: [_mul(g, pointwise("sign", n.args[0]))],
    "sin": lambda n, g: [_mul(g, pointwise("cos", n.args[0]))],
    "cos": lambda n, g: [_minus(_mul(g, pointwise("sin", n.args[0])))],
    "erf": lambda n, g: [_mul(g, const(2 / math.sqrt(math.pi)), _bell(n.args[0]))],
    "erfc": lambda n, g: [_mul(g, const(-2 / math.sqrt(math.pi)), _bell(n.args[0]))],
    "atan": lambda n, g: [_over(g, pointwise("add", _mul(n.args[0], n.args[0]), ONE))],
    "asin": lambda n, g: [_mul(g, pointwise("rsqrt", _less(ONE, _mul(n.args[0], n.args[0]))))],
    "atan2": lambda n, g: _atan2(n.args[0], n.args[1], g),
    "fmod": lambda n, g: [g, _minus(_mul(g, pointwise("trunc", _over(*n.args))))],
    "remainder": lambda n, g: [g, _minus(_mul(g, floor_divided(*n.args)))],
    **dict.fromkeys((*graph.STEPS, "sign"), lambda n, g: [_nothing(g)]),
    "add": lambda n, g: [g, g],
    "sub": lambda n, g: [g, _minus(g)],
    "mul": lambda n, g: [_mul(g, n.args[1]), _mul(g, n.args[0])],
    "div": lambda n, g: [_over(g, n.args[1]), _minus(_mul(g, _over(n, n.args[1])))],
    "pow": _pow,
    "maximum": _chosen("gt"),
    "minimum": _chosen("lt"),
    "where": _where,
}


def _atan2(a: Node, b: Node, g: Node) -> list[Node | None]:
    square = pointwise("add", _mul(a, a), _mul(b, b))
    nowhere = pointwise("eq", square, const(0))  # at the origin torch's gradient is 0
    share = pointwise("where", nowhere, const(0), _over(g, square))
    return [_mul(share, b), _minus(_mul(share, a))]


def _softplus_slope(a: Node) -> Node:
    return pointwise("where", pointwise("gt", a, const(20)), ONE, pointwise("sigmoid", a))


def _bell(a: Node) -> Node:
    return pointwise("exp", _minus(_mul(a, a)))


def _pull_pointwise(n: Node, g: Node) -> Pulled:
    backs = SLOPES[n.op](n, g) if n.op in SLOPES else []
    pairs = zip(n.args, backs, strict=False)
    return [
        (arg, expand(back, n.shape)) for arg, back in pairs if back is not None and not graph.is_const(arg)
    ]


def _pull_cat(n: Node, g: Node) -> Pulled:
    dim, end, pulled = n.data[0], 0, []
    for part in n.args:
        start, end = end, end + part.shape[dim]
        pulled.append((part, cut(g, dim, start, end)))
    return pulled


def _pull_slice(n: Node, g: Node) -> Pulled:
    dim, start, stop = n.data
    return [(n.args[0], graph.pad(g, dim, start, n.args[0].shape[dim] - stop))]


def _pull_pad(n: Node, g: Node) -> Pulled:
    dim, before, _ = n.data
    return [(n.args[0], cut(g, dim, before, before + n.args[0].shape[dim]))]


def _pull_permute(n: Node, g: Node) -> Pulled:
    order = n.data[0]
    return [(n.args[0], permute(g, [order.index(d) for d in range(len(order))]))]


def _pull_softmax(n: Node, g: Node) -> Pulled:
    mean = total(_mul(g, n), [len(n.shape) - 1])
    return [(n.args[0], _mul(n, _less(g, expand(mean, n.shape))))]


def _pull_amax(n: Node, g: Node) -> Pulled:
    # All of several largest elements get the same, as in torch.
    largest = pointwise("eq", n.args[0], n)
    return [(n.args[0], _mul(largest, expand(_over(g, total(largest, n.data[0])), largest.shape)))]


def _pull_dot(n: Node, g: Node) -> Pulled:
    a, b = n.args
    return [(a, dot(g, permute(b, (0, 2, 1)))), (b, dot(permute(a, (0, 2, 1)), g))]


PULL: dict[str, Callable[[Node, Node], Pulled]] = {
    **dict.fromkeys(graph.POINTWISE, _pull_pointwise),
    "straight_through": lambda n, g: [(n.args[1], g)],
    "reshape": lambda n, g: [(n.args[0], reshape(g, n.args[0].shape))],
    "permute": _pull_permute,
    "expand": lambda n, g: [(n.args[0], unbroadcast(g, n.args[0].shape))],
    "slice": _pull_slice,
    "cat": _pull_cat,
    "pad": _pull_pad,
    "sum": lambda n, g: [(n.args[0], expand(g, n.args[0].shape))],
    "amax": _pull_amax,
    "softmax": _pull_softmax,
    "dot": _pull_dot,
    "torch": gradients,
}
