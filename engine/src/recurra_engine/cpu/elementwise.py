"""C for elementwise work: expressions of single elements, and plain loops around them."""

from __future__ import annotations

from collections.abc import Sequence

from recurra_engine.ir.graph import Node

UNARY = {
    "neg": "-({0})",
    "abs": "r_abs({0})",
    "sign": "(real)(({0} > 0) - ({0} < 0))",
    "rsqrt": "(real)1 / r_sqrt({0})",
    **{op: f"r_{op}({{0}})" for op in ("exp", "log", "log1p", "expm1", "tanh", "sigmoid", "softplus")},
    **{op: f"r_{op}({{0}})" for op in ("sqrt", "sin", "cos", "erf", "erfc", "atan", "asin")},
    **{op: f"r_{op}({{0}})" for op in ("floor", "ceil", "round", "trunc")},
}
BINARY = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    **{op: f"r_{op}({{0}}, {{1}})" for op in ("pow", "atan2", "fmod", "remainder")},
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


def number(value: float) -> str:
    """Return a number as C writes it, exactly."""
    special = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}.get(str(value))
    return f"(real){special or float(value).hex()}"


def expression(node: Node, args: Sequence[str]) -> str:
    """Return the C expression of a pointwise node."""
    return f"({EXPRESSIONS[node.op].format(*args)})"


def nest(sizes: Sequence[int], body: Sequence[str], *, axis: str = "i") -> list[str]:
    """Return loops over sizes around a body; the axes are called i0, i1, ..."""
    lines = list(body)
    for d in reversed(range(len(sizes))):
        inner = ["#pragma GCC ivdep"] if d == len(sizes) - 1 else []
        lines = [*inner, f"for (long {axis}{d} = 0; {axis}{d} < {sizes[d]}; {axis}{d}++) {{", *lines, "}"]
    return lines
