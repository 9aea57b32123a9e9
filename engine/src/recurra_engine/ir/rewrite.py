"""Graphs made anew with other nodes in place of some of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from recurra_engine.ir.graph import (
    OF_TORCH,
    POINTWISE,
    Node,
    cat,
    cut,
    dot,
    expand,
    largest,
    make,
    pad,
    permute,
    pointwise,
    reshape,
    softmax,
    stop,
    straight_through,
    total,
)

REBUILD: dict[str, Callable[[Node, Sequence[Node]], Node]] = {
    "reshape": lambda node, args: reshape(args[0], node.shape),
    "permute": lambda node, args: permute(args[0], node.data[0]),
    "expand": lambda node, args: expand(args[0], node.shape),
    "slice": lambda node, args: cut(args[0], *node.data),
    "cat": lambda node, args: cat(args, *node.data),
    "pad": lambda node, args: pad(args[0], *node.data),
    "sum": lambda node, args: total(args[0], *node.data),
    "amax": lambda node, args: largest(args[0], *node.data),
    "softmax": lambda node, args: softmax(args[0]),
    "stop": lambda node, args: stop(args[0]),
    "straight_through": lambda node, args: straight_through(*args),
    "dot": lambda node, args: dot(*args),
    **dict.fromkeys(OF_TORCH, lambda node, args: make(node.op, args, node.shape, *node.data)),
}


def rebuild(node: Node, args: Sequence[Node]) -> Node:
    """Make a node's like from other arguments."""
    if not args or all(new is old for new, old in zip(args, node.args, strict=True)):
        return node
    if node.op in POINTWISE:
        made = pointwise(node.op, *args)
        return made if made.shape == node.shape else expand(made, node.shape)
    return REBUILD[node.op](node, args)


def replaced(results: Iterable[Node], known: dict[Node, Node]) -> list[Node]:
    """Rebuild results with some nodes replaced; `known` is filled with every node met."""
    results = list(results)
    _replace_into(results, known)
    return [known[result] for result in results]


def _replace_into(results: list[Node], known: dict[Node, Node]) -> None:
    pending = list(results)
    while pending:
        node = pending[-1]
        missing = [] if node in known else [arg for arg in node.args if arg not in known]
        if missing:
            pending += missing
            continue
        pending.pop()
        if node not in known:
            known[node] = rebuild(node, [known[arg] for arg in node.args])
