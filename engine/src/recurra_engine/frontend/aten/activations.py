"""Activation functions, with torch's slope where there are two.

What is not chosen by a `where` must stay finite: its gradient is zero times its slope.
"""

from __future__ import annotations

import math

import torch

from recurra_engine.frontend.aten.elementwise import hardtanh
from recurra_engine.frontend.aten.rules import rule
from recurra_engine.ir.graph import Node, Number, const, cut, pointwise, stop, straight_through


def _single(number: float) -> float:
    """Return a number in single precision, as torch has it in some gradients, whatever the dtype."""
    return float(torch.tensor(number, dtype=torch.float32))


def _plus(a: Node, b: Node) -> Node:
    return pointwise("add", a, b)


def _times(a: Node, b: Node | Number) -> Node:
    return pointwise("mul", a, b if isinstance(b, Node) else const(b))


def _where(condition: Node, a: Node, b: Node) -> Node:
    return pointwise("where", condition, a, b)


@rule("elu")
def _elu(a: Node, alpha: Number = 1, scale: Number = 1, input_scale: Number = 1) -> Node:
    above = pointwise("gt", a, const(0))
    below = pointwise("expm1", _times(_where(above, const(0), a), input_scale))
    return _where(above, _times(a, scale), _times(below, alpha * scale))


@rule("celu")
def _celu(a: Node, alpha: Number = 1) -> Node:
    return straight_through(_elu(a, alpha, 1, 1 / alpha), _elu(a, alpha, 1, 1 / _single(alpha)))


@rule("gelu")
def _gelu(a: Node, *, approximate: str = "none") -> Node:
    if approximate == "tanh":
        cubic = _plus(a, _times(_times(_times(a, a), a), 0.044715))
        share = pointwise("tanh", _times(cubic, math.sqrt(2 / math.pi)))
    else:
        share = pointwise("erf", _times(a, math.sqrt(0.5)))
    return _times(_times(a, 0.5), _plus(share, const(1)))


@rule("mish")
def _mish(a: Node) -> Node:
    return _times(a, pointwise("tanh", pointwise("softplus", a)))


@rule("softplus")
def _softplus(a: Node, beta: Number = 1, threshold: Number = 20) -> Node:
    if (beta, threshold) == (1, 20):
        return pointwise("softplus", a)
    large = pointwise("gt", _times(a, beta), const(threshold))
    b = _where(large, const(0), _times(a, beta))
    rest = pointwise("log1p", pointwise("exp", pointwise("neg", pointwise("abs", b))))
    return _where(large, a, pointwise("div", _plus(pointwise("maximum", b, const(0)), rest), const(beta)))


@rule("log_sigmoid_forward", "log_sigmoid")
def _log_sigmoid(a: Node) -> list[Node]:
    # Not by way of softplus, which torch cuts off at 20.
    rest = pointwise("log1p", pointwise("exp", pointwise("neg", pointwise("abs", a))))
    return [pointwise("sub", pointwise("minimum", a, const(0)), rest)]


@rule("hardsigmoid")
def _hardsigmoid(a: Node) -> Node:
    inner = hardtanh(_plus(a, const(3)), 0, 6)
    return straight_through(pointwise("div", inner, const(6)), _times(inner, _single(1 / 6)))


@rule("hardswish")
def _hardswish(a: Node) -> Node:
    return _times(a, pointwise("div", hardtanh(_plus(a, const(3)), 0, 6), const(6)))


@rule("threshold")
def _threshold(a: Node, threshold: Number, value: Number) -> Node:
    return _where(pointwise("le", a, const(threshold)), const(value), a)


@rule("softshrink")
def _softshrink(a: Node, width: Number = 0.5) -> Node:
    below = _where(pointwise("lt", a, const(-width)), _plus(a, const(width)), _nothing(a))
    return _where(pointwise("gt", a, const(width)), _plus(a, const(-width)), below)


@rule("hardshrink")
def _hardshrink(a: Node, width: Number = 0.5) -> Node:
    outside = pointwise("gt", pointwise("abs", a), const(width))
    return _where(outside, a, _nothing(a))


def _nothing(a: Node) -> Node:
    """Return 0, or NaN for NaN, without a gradient."""
    return stop(_times(a, 0))


@rule("_prelu_kernel")
def _prelu(a: Node, slope: Node) -> Node:
    return _where(pointwise("gt", a, const(0)), a, _times(a, slope))


@rule("glu")
def _glu(a: Node, dim: int = -1) -> Node:
    dim, half = dim % len(a.shape), a.shape[dim] // 2
    return _times(cut(a, dim, 0, half), pointwise("sigmoid", cut(a, dim, half, 2 * half)))
