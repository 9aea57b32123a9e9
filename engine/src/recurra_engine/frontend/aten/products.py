"""Operators that multiply matrices."""

from __future__ import annotations

from recurra_engine.frontend.aten.rules import Untranslated, rule, scaled
from recurra_engine.ir.graph import Node, Number, const, dot, pointwise, reshape, total


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
    if alpha == 0:
        raise Untranslated("the step multiplies a product by zero, which torch then leaves out, NaN and all")
    product = _mm(a, b) if len(a.shape) == 2 else dot(a, b)
    # With beta = 0 torch does not read c, whose NaN would show.
    return pointwise("add", scaled(product, alpha), scaled(c, beta) if beta else const(0))
