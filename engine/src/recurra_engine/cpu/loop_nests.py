"""C for elementwise work: loops over the elements of a row, as few and as plain as strides allow."""

from __future__ import annotations

from collections.abc import Sequence

from recurra_engine.ir.graph import Node, Shape

UNARY = {
    "neg": "-({0})",
    "abs": "r_abs({0})",
    "sign": "(real)(({0} > 0) - ({0} < 0))",
    "rsqrt": "(real)1 / r_sqrt({0})",
    **{op: f"r_{op}({{0}})" for op in ("exp", "log", "log1p", "expm1", "tanh", "sigmoid", "softplus")},
    **{op: f"r_{op}({{0}})" for op in ("sqrt", "sin", "cos", "erf")},
}
BINARY = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "r_pow({0}, {1})",
    "maximum": "r_max({0}, {1})",
    "minimum": "r_min({0}, {1})",
    **{
        op: f"(real)({{0}} {sign} {{1}})"
        for op, sign in zip(
            ("gt", "ge", "lt", "le", "eq", "ne"), (">", ">=", "<", "<=", "==", "!="), strict=True
        )
    },
}
EXPRESSIONS = UNARY | BINARY | {"where": "({0} != 0 ? {1} : {2})"}
CALLS = frozenset({"pow", "sin", "cos", "erf"})
"""Functions that are calls: a loop with one of them is not vectorised, so they have loops of their own."""


def number(value: float) -> str:
    """Return a number as C writes it, exactly."""
    special = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}.get(str(value))
    return f"(real){special or float(value).hex()}"


def expression(node: Node, args: Sequence[str]) -> str:
    """Return the C expression of a pointwise node."""
    return f"({EXPRESSIONS[node.op].format(*args)})"


def merged(space: Shape, strides: Sequence[Shape]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring dimensions that every operand crosses in one stride.

    Returns:
        The sizes, and for every operand its strides.
    """
    sizes: list[int] = []
    kept: list[list[int]] = [[] for _ in strides]
    for d, n in enumerate(space):
        if sizes and all(kept[o][-1] == s[d] * n for o, s in enumerate(strides)):
            sizes[-1] *= n
            for o, s in enumerate(strides):
                kept[o][-1] = s[d]
        else:
            sizes.append(n)
            for o, s in enumerate(strides):
                kept[o].append(s[d])
    return sizes, kept


def at(offset: int, strides: Sequence[int], axes: Sequence[str]) -> str:
    """Return a C index: an offset and a stride for every loop."""
    terms = [
        axis if stride == 1 else f"{stride} * {axis}"
        for stride, axis in zip(strides, axes, strict=True)
        if stride
    ]
    return " + ".join([*([str(offset)] if offset or not terms else []), *terms])


def nest(sizes: Sequence[int], body: Sequence[str], *, axis: str = "i") -> list[str]:
    """Return loops over sizes around a body; the axes are called i0, i1, ..."""
    lines = list(body)
    for d in reversed(range(len(sizes))):
        inner = ["#pragma GCC ivdep"] if d == len(sizes) - 1 else []
        lines = [*inner, f"for (long {axis}{d} = 0; {axis}{d} < {sizes[d]}; {axis}{d}++) {{", *lines, "}"]
    return lines
