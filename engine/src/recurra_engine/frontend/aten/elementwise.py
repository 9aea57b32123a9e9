"""Operators that work element by element."""

from __future__ import annotations

from typing import Any

from recurra_engine.frontend.aten.rules import RULES, node, rule, scaled
from recurra_engine.ir import graph
from recurra_engine.ir.division import floor_divided
from recurra_engine.ir.graph import Node, Number, const, pointwise, stop

SAME = graph.POINTWISE - {"softplus"}
"""Operators that the graph calls by the same name."""
HALFWAY = 0.5

for _op in SAME:
    RULES[_op] = lambda *args, _op=_op: pointwise(_op, *map(node, args))


@rule("add")
def _add(a: Any, b: Any, *, alpha: Number = 1) -> Node:
    a, b = node(a), scaled(b, alpha)
    if graph.is_const(a, 0) or graph.is_const(b, 0):
        a, b = plus_zero(a), plus_zero(b)
    return pointwise("add", a, b)


def plus_zero(a: Node) -> Node:
    """Return a + 0, which is a but for a zero that is negative: a graph leaves out what adds nothing."""
    positive = pointwise("where", pointwise("eq", a, const(0)), const(0), a)
    return a if graph.is_const(a) else graph.straight_through(positive, a)


@rule("sub")
def _sub(a: Any, b: Any, *, alpha: Number = 1) -> Node:
    return pointwise("sub", node(a), scaled(b, alpha))


@rule("rsub")
def _rsub(a: Any, b: Any, alpha: Number = 1) -> Node:
    return pointwise("sub", node(b), scaled(a, alpha))


@rule("div")
def _div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Node:
    if rounding_mode == "floor":
        return _floor_divide(a, b)
    quotient = pointwise("div", node(a), node(b))
    return quotient if rounding_mode is None else stop(pointwise("trunc", quotient))


@rule("floor_divide")
def _floor_divide(a: Any, b: Any) -> Node:
    return stop(floor_divided(node(a), node(b)))


@rule("reciprocal")
def _reciprocal(a: Node) -> Node:
    return pointwise("div", const(1), a)


@rule("square")
def square(a: Node) -> Node:
    """Return a times a."""
    return pointwise("mul", a, a)


@rule("pow")
def _pow(a: Any, b: Any) -> Node:
    return {2: square(a), 1: a}[b] if b in (1, 2) else pointwise("pow", node(a), node(b))


@rule("relu")
def _relu(a: Node) -> Node:
    return pointwise("where", pointwise("le", a, const(0)), const(0), a)  # NaN stays


@rule("silu")
def _silu(a: Node) -> Node:
    return pointwise("mul", a, pointwise("sigmoid", a))


@rule("leaky_relu")
def _leaky_relu(a: Node, slope: Number = 0.01) -> Node:
    return pointwise("where", pointwise("gt", a, const(0)), a, pointwise("mul", a, const(slope)))


@rule("hardtanh")
def hardtanh(a: Node, low: Number = -1, high: Number = 1) -> Node:
    """Return a between two numbers."""
    # Unlike that of a clamp, torch's gradient stops at the bounds.
    below = _unless_nan(a, pointwise("lt", a, const(high)), a)
    above = pointwise("where", pointwise("ge", a, const(high)), const(high), below)
    return pointwise("where", pointwise("le", a, const(low)), const(low), above)


@rule("clamp")
def _clamp(a: Node, low: Any = None, high: Any = None) -> Node:
    if isinstance(low, Node) and isinstance(high, Node):
        # Where the bounds are equal, torch passes no gradient to them.
        low = pointwise("where", pointwise("ne", low, high), low, stop(low))
    a = a if low is None else _clamp_min(a, low)
    return a if high is None else _clamp_max(a, high)


@rule("clamp_min")
def _clamp_min(a: Node, low: Any) -> Node:
    # The gradient passes where a is at the bound, as in torch.
    low = node(low)
    above = _unless_nan(a, pointwise("ge", a, low), pointwise("add", a, low))
    return pointwise("where", pointwise("lt", a, low), low, above)


@rule("clamp_max")
def _clamp_max(a: Node, high: Any) -> Node:
    high = node(high)
    below = _unless_nan(a, pointwise("le", a, high), pointwise("add", a, high))
    return pointwise("where", pointwise("gt", a, high), high, below)


def _unless_nan(a: Node, compares: Node, otherwise: Node) -> Node:
    """Return a or, where it does not compare, a NaN, through which torch passes no gradient here."""
    return pointwise("where", compares, a, stop(otherwise))


@rule("lerp")
def _lerp(a: Node, b: Node, weight: Any) -> Node:
    # By torch's two formulas, which differ where a or b is infinite; its slope is that of a third.
    weight, apart = node(weight), pointwise("sub", b, a)
    from_a = pointwise("add", a, pointwise("mul", weight, apart))
    from_b = pointwise("sub", b, pointwise("mul", pointwise("sub", const(1), weight), apart))
    near_a = pointwise("lt", pointwise("abs", weight), const(HALFWAY))
    if graph.is_const(weight):
        near_a = const(abs(weight.data[0]) < HALFWAY)
    shares = pointwise("mul", a, pointwise("sub", const(1), weight)), pointwise("mul", b, weight)
    return graph.straight_through(pointwise("where", near_a, from_a, from_b), pointwise("add", *shares))


@rule("addcmul")
def _addcmul(a: Node, b: Node, c: Node, *, value: Number = 1) -> Node:
    return pointwise("add", a, scaled(pointwise("mul", b, c), value))


@rule("masked_fill")
def _masked_fill(a: Node, mask: Node, value: Any) -> Node:
    return pointwise("where", mask, node(value), a)


@rule("logical_not", "bitwise_not")
def _not(a: Node) -> Node:
    return pointwise("where", a, const(0), const(1))


@rule("bitwise_and", "logical_and")
def _and(a: Node, b: Node) -> Node:
    return pointwise("mul", _truth(a), _truth(b))


@rule("bitwise_or", "logical_or")
def _or(a: Node, b: Node) -> Node:
    return pointwise("maximum", _truth(a), _truth(b))


def _truth(a: Node) -> Node:
    """Return whether a is not zero."""
    return a if a.op in graph.COMPARISONS else pointwise("ne", a, const(0))
