"""Triton for single elements, and for where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from recurra_engine.ir.graph import OF_TORCH, POINTWISE, Node
from recurra_engine.lower.loop_nests import at

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
EXPRESSIONS = {
    "neg": "-{0}",
    "where": "tl.where({0} != 0, {1}, {2})",
    "pow": "power({0}, {1})",
    "maximum": "larger({0}, {1})",
    "minimum": "smaller({0}, {1})",
    **{op: f"tl.{op}({{0}})" for op in ("abs", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "erf")},
    **{op: f"tl.{op}({{0}})" for op in ("floor", "ceil")},
    **{op: f"{op}({{0}})" for op in ("sign", "sigmoid", "tanh", "softplus", "expm1", "log1p")},
    **{op: f"{op}ed({{0}})" for op in ("trunc", "round")},
    **{op: f"{{0}} {sign} {{1}}" for op, sign in _INFIX.items()},
    **{op: f"({{0}} {sign} {{1}}).to({{kind}})" for op, sign in _SIGNS.items()},
}
LACKS = (POINTWISE - EXPRESSIONS.keys()) | OF_TORCH
"""What no kernel can do."""


def expression(node: Node, args: Sequence[str], kind: str) -> str:
    """Return the Triton expression of a pointwise node over names of values of a kind, such as tl.float32."""
    return EXPRESSIONS[node.op].format(*args, kind=kind)


def number(value: float, kind: str) -> str:
    """Return a constant of a kind: a bare number would be read as float32."""
    text = repr(float(value))
    return f"tl.full((), {text if text[-1].isdigit() else f'float({text!r})'}, {kind})"


def power_of_two(n: int) -> int:
    """Return the smallest power of two that is no less."""
    return 1 << max(n - 1, 0).bit_length()


def unravelled(flat: str, sizes: Sequence[int]) -> list[str]:
    """Return for every dimension the expression of its index, given that of the elements in order."""
    found, inner = [], 1
    for d in reversed(range(len(sizes))):
        index = flat if inner == 1 else f"({flat} // {inner})"
        found.append(index if d == 0 else f"({index} % {sizes[d]})")
        inner *= sizes[d]
    return found[::-1]


def place(flat: str, sizes: Sequence[int], strides: Sequence[int], offset: int = 0) -> str:
    """Return where in its row an element lies, given its number among all elements.

    The text always names `flat`, so that it is a block of indices even where all of them are the same.
    """
    text = at(offset, strides, unravelled(flat, sizes))
    return f"({text})" if flat in text else f"({text} + 0 * {flat})"
