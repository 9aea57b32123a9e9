"""Run a graph with torch, for all rows (and, where nothing depends on the state, all steps) at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from recurra_engine.ir.graph import COMPARISONS, OF_TORCH, POINTWISE, SHARED, UNARY, Node, Shape, is_const

Call = Callable[..., Any]
INFIX = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow"}


def _where(condition: Tensor, a: Any, b: Any) -> Tensor:
    if condition.dtype == torch.bool:
        return torch.where(condition, a, b)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = condition.new_full((), a)  # two numbers alone would be of torch's default dtype
    return torch.where(condition != 0, a, b)


def _comparison(op: str) -> Call:
    compare = getattr(operator, op)

    def run(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return compare(a, b).to(like.dtype)  # type: ignore[no-any-return]  # a number, as everything in the graph

    return run


def _of_tensors(function: Call) -> Call:
    def run(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return function(*(torch.as_tensor(c, dtype=like.dtype, device=like.device) for c in (a, b)))  # type: ignore[no-any-return]

    return run


TORCH: dict[str, Call] = {
    **{op: getattr(torch, op) for op in UNARY - {"softplus"}},
    **{op: getattr(operator, name) for op, name in INFIX.items()},
    **{op: _comparison(op) for op in COMPARISONS},
    "softplus": functional.softplus,
    **{op: _of_tensors(getattr(torch, op)) for op in ("maximum", "minimum", "atan2", "fmod", "remainder")},
    "where": _where,
}


class Plan:
    """A graph in the order in which it is run; made once, run at every step.

    Args:
        results: What is to be computed.
        leaves: What is given, in this order.
        lead: The number of dimensions before those of a row: 1 for rows, 2 for steps and rows.
    """

    def __init__(self, results: Iterable[Node], leaves: Iterable[Node], lead: int = 1) -> None:
        results = list(results)
        slots: dict[Node, int] = {node: i for i, node in enumerate(leaves)}
        self.calls: list[tuple[Call, list[int]]] = []
        for node in _order(results, slots):
            call, args = _call(node, lead)
            self.calls.append((call, [slots[arg] for arg in args]))
            slots[node] = len(slots)
        self.out = [slots[node] for node in results]

    def __call__(self, values: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        """Return the results, given the leaves' values; constants take the dtype and device of `like`."""
        slots = list(values)
        for call, args in self.calls:
            slots.append(call(*[slots[arg] for arg in args]) if args else call(like))
        return [slots[i] for i in self.out]


def _order(results: list[Node], known: dict[Node, int]) -> list[Node]:
    order: dict[Node, None] = {}
    pending = [(node, False) for node in reversed(results)]
    while pending:
        node, ready = pending.pop()
        if node in known or node in order:
            continue
        if ready:
            order[node] = None
        else:
            pending.append((node, True))
            pending += [(arg, False) for arg in reversed(_operands(node))]
    return list(order)


def _operands(node: Node) -> list[Node]:
    """Return the arguments that are tensors; elementwise functions take constants as numbers."""
    tensors = [arg for arg in node.args if not is_const(arg)]
    return tensors if tensors and node.op in POINTWISE else list(node.args)


def _call(node: Node, lead: int) -> tuple[Call, list[Node]]:
    operands = _operands(node)
    if is_const(node):
        number, shape = node.data[0], node.shape
        return (lambda like: like.new_full((), number).expand(shape)), []
    if node.op not in POINTWISE:
        return MOVES[node.op](node, lead if node.level != SHARED else 0), operands
    call = TORCH[node.op]
    if all(map(is_const, operands)):
        return _of_numbers(call, node.shape), operands
    if len(operands) < len(node.args):
        call = _with_numbers(call, [arg.data[0] if is_const(arg) else None for arg in node.args])
    return call, operands


def _of_numbers(call: Call, shape: Shape) -> Call:
    return lambda *numbers: call(*numbers).expand(shape)  # which have none of their own


def _with_numbers(call: Call, numbers: list[float | None]) -> Call:
    def run(*tensors: Tensor) -> Tensor:
        given = iter(tensors)
        return call(*[next(given) if n is None else n for n in numbers])  # type: ignore[no-any-return]

    return run


def _reshape(node: Node, lead: int) -> Call:
    own, shape = len(node.args[0].shape), node.shape
    return lambda a: a.reshape(a.shape[: a.dim() - own] + shape)


def _permute(node: Node, lead: int) -> Call:
    order = [*range(lead), *(lead + d for d in node.data[0])]
    return lambda a: a.permute(order)


def _expand(node: Node, lead: int) -> Call:
    return lambda a: a.expand(*a.shape[:lead], *node.shape)


def _slice(node: Node, lead: int) -> Call:
    dim, start, stop = node.data
    return lambda a: a.narrow(lead + dim, start, stop - start)


def _cat(node: Node, lead: int) -> Call:
    dim, shapes = lead + node.data[0], [arg.shape for arg in node.args]
    return lambda *parts: torch.cat(_same_rows(parts, shapes), dim)


def _same_rows(parts: Sequence[Tensor], shapes: Sequence[Shape]) -> list[Tensor]:
    # Constants and what all rows share have no rows of their own.
    rows = max((p.shape[: p.dim() - len(s)] for p, s in zip(parts, shapes, strict=True)), key=len)
    return [p.expand(*rows, *s) for p, s in zip(parts, shapes, strict=True)]


def _pad(node: Node, lead: int) -> Call:
    dim, before, after = node.data
    widths = [0, 0] * (len(node.shape) - 1 - dim) + [before, after]
    return lambda a: functional.pad(a, widths)


def _dot(node: Node, lead: int) -> Call:
    w = node.args[1]
    if w.level == SHARED and w.shape[0] == 1:
        return lambda a, w: a @ w[0]  # one large product for all rows
    return torch.matmul


def _torch(node: Node, lead: int) -> Call:
    call, shapes = node.data[0], [arg.shape for arg in node.args]
    if not lead:
        return call  # type: ignore[no-any-return]

    def run(*values: Tensor) -> Tensor:
        given = list(zip(values, shapes, call.own, strict=True))
        ahead = max((v.shape[: v.dim() - len(s)] for v, s, own in given if own), key=len)
        rows = [v.expand(*ahead, *s).reshape(-1, *s) if own else v for v, s, own in given]
        return call(*rows).unflatten(0, ahead)  # type: ignore[no-any-return]

    return run


class _StraightThrough(torch.autograd.Function):
    """The value of one tensor with the gradient of another, which may be no number."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, source: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]


def _straight_through(value: Tensor, source: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return value
    return _StraightThrough.apply(*torch.broadcast_tensors(value, source))  # type: ignore[no-any-return,no-untyped-call]


MOVES: dict[str, Callable[[Node, int], Call]] = {
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "slice": _slice,
    "cat": _cat,
    "pad": _pad,
    "dot": _dot,
    **dict.fromkeys(OF_TORCH, _torch),
    "sum": lambda node, lead: lambda a: a.sum([lead + d for d in node.data[0]], keepdim=True),
    "amax": lambda node, lead: lambda a: a.amax([lead + d for d in node.data[0]], keepdim=True),
    "softmax": lambda node, lead: lambda a: a.softmax(-1),
    "stop": lambda node, lead: Tensor.detach,
    "straight_through": lambda node, lead: _straight_through,
}
