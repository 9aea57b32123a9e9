"""Fewer calls of torch: one that only another reads becomes a part of it; what nobody reads is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from torch import Tensor

from recurra_engine.ir.graph import SHARED, Node, cut, reshape, sorted_by_use
from recurra_engine.ir.rewrite import replaced
from recurra_engine.ir.torch_calls import Function, TorchCall, torch_call

Results = list[Node]


def fewer_calls(results: Iterable[Node]) -> Results:
    """Return the same results by fewer calls of torch, each of which gives only what is read."""
    results = list(results)
    while (joined := _joined(results)) is not None:
        results = joined
    return _without_unread(results)


def _calls(results: Results) -> list[Node]:
    return [node for node in sorted_by_use(results) if node.op == "torch" and node.level != SHARED]


def _joined(results: Results) -> Results | None:
    """Make one call a part of the only one that reads it, or return None if there are none such."""
    order = sorted_by_use(results)
    for node in _calls(results):
        readers = _readers(node, order)
        views = [reader for reader in readers if reader.op != "torch"]
        calls = [reader for reader in readers if reader.op == "torch"]
        alike = len(calls) == 1 and calls[0].data[0].together is node.data[0].together
        if alike and not {node, *views} & set(results):
            parts = {arg: _number(arg, node) for arg in calls[0].args if _source(arg) is node}
            if None not in parts.values():
                return replaced(results, {calls[0]: _together(node, calls[0], parts)})
    return None


def _readers(node: Node, order: Sequence[Node]) -> list[Node]:
    """Return what reads a call's results, views of them among it."""
    found: dict[Node, None] = {node: None}
    for reader in order:
        if any(arg in found and (arg is node or arg.op != "torch") for arg in reader.args):
            found[reader] = None
            if reader.op not in ("reshape", "slice", "torch"):
                return []
    return list(found)[1:]


def _source(arg: Node) -> Node:
    while arg.op in ("reshape", "slice"):
        (arg,) = arg.args
    return arg


def _items(node: Node) -> list[Node]:
    """Return each of a call's results, as `torch_call` gave them."""
    call: TorchCall = node.data[0]
    ends = list(accumulate(kind.size for kind in call.made))
    parts = zip(ends, call.made, strict=True)
    return [reshape(cut(node, 0, end - kind.size, end), kind.shape) for end, kind in parts]


def _number(arg: Node, node: Node) -> int | None:
    """Return which of a call's results an argument is."""
    items = _items(node)
    return items.index(arg) if arg in items else None


def _together(first: Node, then: Node, parts: dict[Node, int | None]) -> Node:
    a: TorchCall = first.data[0]
    b: TorchCall = then.data[0]
    rest = [i for i, arg in enumerate(then.args) if arg not in parts]
    numbers = [parts.get(arg) for arg in then.args]

    def function(*given: Tensor) -> list[Tensor]:
        between, others = a.function(*given[len(rest) :]), iter(given)
        return b.function(*(next(others) if number is None else between[number] for number in numbers))

    call = TorchCall(
        name=f"{a.name}, {b.name}",
        where=b.where if a.where in b.where else f"{a.where}, {b.where}",
        function=function,
        given=(*(b.given[i] for i in rest), *a.given),
        own=(*(b.own[i] for i in rest), *a.own),
        made=b.made,
        together=a.together,
        operations=a.operations + b.operations,
        slopes=(
            *(new for new, old in enumerate(rest) if old in b.slopes),
            *(len(rest) + i for i in a.slopes if b.slopes),
        ),
    )
    return _node(call, [*(then.args[i] for i in rest), *first.args])


def _node(call: TorchCall, args: Sequence[Node]) -> Node:
    return _source(torch_call(call, args)[0])


def _without_unread(results: Results) -> Results:
    """Leave out results of calls that nobody reads."""
    order = sorted_by_use(results)
    known: dict[Node, Node] = {}
    for node in _calls(results):
        call: TorchCall = node.data[0]
        items = _items(node)
        read = [i for i, item in enumerate(items) if item in order]
        ranges = {item.args[0] if item.op == "reshape" else item for item in items}
        if len(read) < len(items) and all(r in ranges for r in order if node in r.args):
            fewer = replace(call, made=tuple(call.made[i] for i in read), function=_some(call.function, read))
            args = replaced(node.args, known)
            known |= zip((items[i] for i in read), torch_call(fewer, args), strict=True)
    return replaced(results, known)


def _some(function: Function, read: Sequence[int]) -> Function:
    return lambda *given: [made for i, made in enumerate(function(*given)) if i in read]
