"""The register of operators, and what their arguments have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from recurra_engine.ir.graph import Node, Number, const, pointwise

ForwardRule = Callable[..., Any]
R = TypeVar("R", bound=ForwardRule)
RULES: dict[str, ForwardRule] = {}


class Untranslated(Exception):
    """A step does what the graph cannot say; the message is the reason, for `recurra explain`.

    Args:
        reason: What it does.
        where: The line that does it, as `file:line`.
    """

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason, self.where = reason, where

    def at(self, where: str) -> Untranslated:
        """Return the same with the line, unless one is known."""
        return self if self.where else Untranslated(self.reason, where)


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
        raise Untranslated(f"the step uses aten::{name} in an unsupported way ({error})") from error


def node(value: Node | Number) -> Node:
    """Return a node for an argument: itself, or a constant."""
    return value if isinstance(value, Node) else const(value)


def dims_of(a: Node, dims: Any) -> tuple[int, ...]:
    """Return dimensions, counted from the front; all of them where none are named."""
    if dims is None or dims == []:
        return tuple(range(len(a.shape)))
    return tuple(d % len(a.shape) for d in (dims if isinstance(dims, (list, tuple)) else [dims]))


def scaled(value: Node | Number, alpha: Number) -> Node:
    """Return an argument times a number."""
    return node(value) if alpha == 1 else pointwise("mul", node(value), const(alpha))
