"""Whole quotients, as torch rounds them."""

from __future__ import annotations

from recurra_engine.ir.graph import Node, const, pointwise


def floor_divided(a: Node, b: Node) -> Node:
    """Return the largest whole number that is not above a / b; a / b itself where b is zero."""
    # What is left over is exact, and the quotient of the rest a whole number but for rounding.
    rest = pointwise("fmod", a, b)
    quotient = pointwise("div", pointwise("sub", a, rest), b)
    opposite = pointwise("ne", pointwise("lt", b, const(0)), pointwise("lt", rest, const(0)))
    below = pointwise("mul", pointwise("ne", rest, const(0)), opposite)
    whole = pointwise("round", pointwise("sub", quotient, below))
    return pointwise("where", pointwise("eq", b, const(0)), pointwise("div", a, b), whole)
