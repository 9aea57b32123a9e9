"""Elementary functions that are made of those that the graph has."""

from __future__ import annotations

import math

from recurra_engine.frontend.aten.elementwise import square
from recurra_engine.frontend.aten.rules import Untranslated, node, rule
from recurra_engine.ir.graph import Node, Number, const, pointwise, stop, straight_through

LARGE = 1e9
"""From here on, the root of a square plus one is the number itself."""


def _plus(a: Node, b: Node | Number) -> Node:
    return pointwise("add", a, node(b))


def _less(a: Node | Number, b: Node) -> Node:
    return pointwise("sub", node(a), b)


def _times(a: Node, b: Node | Number) -> Node:
    return pointwise("mul", a, node(b))


def _over(a: Node, b: Node | Number) -> Node:
    return pointwise("div", a, node(b))


@rule("tan")
def _tan(a: Node) -> Node:
    return _over(pointwise("sin", a), pointwise("cos", a))


@rule("acos")
def _acos(a: Node) -> Node:
    return _less(math.pi / 2, pointwise("asin", a))


@rule("sinh")
def _sinh(a: Node) -> Node:
    return _times(_less(pointwise("expm1", a), pointwise("expm1", pointwise("neg", a))), 0.5)


@rule("cosh")
def _cosh(a: Node) -> Node:
    return _times(_plus(pointwise("exp", a), pointwise("exp", pointwise("neg", a))), 0.5)


@rule("asinh")
def _asinh(a: Node) -> Node:
    large = pointwise("gt", pointwise("abs", a), const(LARGE))
    b = pointwise("where", large, const(0), a)
    size = pointwise("abs", b)
    root = pointwise("sqrt", _plus(square(b), 1))
    value = pointwise("log1p", _plus(size, _over(square(size), _plus(root, 1))))
    odd = pointwise("where", pointwise("lt", b, const(0)), pointwise("neg", value), value)
    # abs has no slope at 0, where the function is its argument
    odd = pointwise("where", pointwise("eq", b, const(0)), b, odd)
    # The square may be infinite; torch's slope is then zero.
    logarithm = pointwise("log", pointwise("where", large, pointwise("abs", a), const(1)))
    above = _times(_plus(logarithm, math.log(2)), pointwise("sign", a))
    overflows = pointwise("eq", square(a), const(math.inf))
    return pointwise("where", large, pointwise("where", overflows, stop(above), above), odd)


@rule("acosh")
def _acosh(a: Node) -> Node:
    infinite = _isinf(a)
    b = pointwise("where", infinite, const(2), a)
    value = pointwise("log", _plus(b, pointwise("sqrt", _plus(square(b), -1))))
    return pointwise("where", infinite, stop(pointwise("log", a)), value)


@rule("atanh")
def _atanh(a: Node) -> Node:
    return _times(_less(pointwise("log1p", a), pointwise("log1p", pointwise("neg", a))), 0.5)


@rule("exp2")
def _exp2(a: Node) -> Node:
    return pointwise("pow", const(2), a)


@rule("log2")
def _log2(a: Node) -> Node:
    return _times(pointwise("log", a), 1 / math.log(2))


@rule("log10")
def _log10(a: Node) -> Node:
    return _times(pointwise("log", a), 1 / math.log(10))


@rule("logit")
def _logit(a: Node, eps: Number | None = None) -> Node:
    if eps is not None:
        raise Untranslated("the step uses logit with an eps")
    inside = pointwise("mul", pointwise("ge", a, const(0)), pointwise("le", a, const(1)))
    b = _times(a, pointwise("where", inside, const(1), const(math.nan)))
    return _less(pointwise("log", b), pointwise("log1p", pointwise("neg", b)))


@rule("sinc")
def _sinc(a: Node) -> Node:
    zero = pointwise("eq", a, const(0))
    angle = _times(pointwise("where", zero, const(1), a), math.pi)
    return pointwise("where", zero, const(1), _over(pointwise("sin", angle), angle))


@rule("frac")
def _frac(a: Node) -> Node:
    return _less(a, pointwise("trunc", a))


@rule("hypot")
def _hypot(a: Node, b: Node) -> Node:
    root = pointwise("sqrt", _plus(square(a), square(b)))
    infinite = pointwise("maximum", _isinf(a), _isinf(b))  # whatever the other is
    return straight_through(pointwise("where", infinite, const(math.inf), root), root)


@rule("logaddexp")
def _logaddexp(a: Node, b: Node) -> Node:
    apart = pointwise("abs", _less(a, b))
    same = pointwise("eq", a, b)  # of two infinities the difference is no number, nor is torch's slope
    value, slope = (
        _plus(pointwise("maximum", a, b), pointwise("log1p", pointwise("exp", pointwise("neg", size))))
        for size in (pointwise("where", same, const(0), apart), apart)
    )
    return straight_through(value, slope)


@rule("addcdiv")
def _addcdiv(a: Node, b: Node, c: Node, *, value: Number = 1) -> Node:
    return _plus(a, _times(_over(b, c), value))


@rule("isnan")
def _isnan(a: Node) -> Node:
    return pointwise("ne", a, a)


@rule("isinf")
def _isinf(a: Node) -> Node:
    return pointwise("eq", pointwise("abs", a), const(math.inf))


@rule("heaviside")
def _heaviside(a: Node, at_zero: Node) -> Node:
    return stop(pointwise("where", pointwise("eq", a, const(0)), at_zero, pointwise("gt", a, const(0))))
