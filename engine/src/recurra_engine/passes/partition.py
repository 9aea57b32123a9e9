"""Partition a step by what its parts depend on.

    shared     only on weights           computed once per sequence, under autograd
    parallel   on the input of a step    large products are hoisted: one product for all steps
    core       on the state              computed in the loop
    epilogue   on the core, but no later step depends on it: products are postponed to one for all steps

Only products with a matrix that all rows share are moved out of the loop. Other operations are cheap inside
the loop, where their arguments are in the cache, and storing their results for every step would be expensive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from recurra_engine.ir import graph
from recurra_engine.ir.graph import (
    CORE,
    OF_TORCH,
    PARALLEL,
    SHARED,
    Node,
    cut,
    dot,
    is_const,
    leaf,
    pointwise,
)
from recurra_engine.ir.rewrite import rebuild, replaced

SMALL = 16
"""Products whose matrix has fewer rows stay in the loop, because storing their result would cost more."""
VIEWS = frozenset({"reshape", "permute", "expand", "slice"})


def distributed(results: Iterable[Node]) -> list[Node]:
    """Write the product of a concatenation as a sum of products if its parts belong to different levels."""
    known: dict[Node, Node] = {}
    for node in graph.sorted_by_use(results := list(results)):
        known[node] = _distribute(rebuild(node, [known[arg] for arg in node.args]))
    return [known[result] for result in results]


def _distribute(node: Node) -> Node:
    if node.op != "dot" or node.args[1].level != SHARED:
        return node
    a, w = node.args
    parts = _parts(a)
    if len({part.level for part in parts}) < 2:
        return node
    result, start = None, 0
    for part in parts:
        stop = start + part.shape[-1]
        product = dot(graph.reshape(part, (*a.shape[:-1], stop - start)), cut(w, 1, start, stop))
        result = product if result is None else pointwise("add", result, product)
        start = stop
    assert result is not None
    return result


def _parts(a: Node) -> tuple[Node, ...]:
    joined = a.args[0] if a.op == "reshape" else a
    last = len(joined.shape) - 1
    rows = joined.shape[:-1] == a.shape[:-1][-last:] if last else True
    if joined.op != "cat" or joined.data[0] != last or not rows or joined.shape[-1] != a.shape[-1]:
        return (a,)
    return joined.args


@dataclass(frozen=True)
class Shared:
    """A step without the computations that depend only on weights.

    Args:
        weights: Values computed only from parameters, buffers and constants, once per sequence.
        results: The step's results, in which `shared` leaves replace `weights`.
    """

    weights: tuple[Node, ...]
    results: tuple[Node, ...]


def split_shared(results: Iterable[Node]) -> Shared:
    """Separate the computations that depend only on weights."""
    results = list(results)
    known: dict[Node, Node] = {}
    used: list[tuple[Node | None, Node]] = [(None, result) for result in results]
    used += [
        (node, arg) for node in graph.sorted_by_use(results) if node.level != SHARED for arg in node.args
    ]
    for user, arg in used:
        if arg.level == SHARED and not is_const(arg):
            # A matrix is copied to another layout before the loop. Other views cost nothing inside the loop.
            base = arg if user is not None and user.op == "dot" else _base(arg)
            if not is_const(base) and base not in known:
                known[base] = leaf("shared", len(known), base.shape)
    return Shared(tuple(known), tuple(replaced(results, dict(known))))


def _base(node: Node) -> Node:
    """Return the base of a view. A slice of a matrix is kept, so that its gradient has the slice's size."""
    while node.op in VIEWS and not (node.op == "slice" and sum(n > 1 for n in node.args[0].shape) > 1):
        node = node.args[0]
    return node


def products(nodes: Iterable[Node], level: int, wider: int = 0) -> list[Node]:
    """Return the products of this dependency level with a matrix that all rows share."""
    found = (node for node in nodes if node.op == "dot" and node.level == level)
    return [n for n in found if n.args[1].level == SHARED and n.args[1].shape[1] > wider]


def hoistable(results: Iterable[Node], recorded: Collection[Any], *, move: bool) -> list[Node]:
    """Return what does not depend on the state: calls of torch and, if they are moved, the large products.

    Args:
        results: The values that are required.
        recorded: The calls that stay in the loop, where they are recorded for their gradients.
        move: Whether products are moved.
    """
    order = graph.sorted_by_use(results)
    calls = [n for n in order if n.op == "torch" and n.level == PARALLEL and n.data[0] not in recorded]
    return [*calls, *(products(order, PARALLEL, SMALL) if move else [])]


def postponed(results: Iterable[Node], feeding: Iterable[Node]) -> set[Node]:
    """Return the nodes of the epilogue: core products on which `feeding` does not depend, and their users.

    Args:
        results: The values that are required for every step.
        feeding: The values that the loop requires: the states after the step and the accumulated sums.
    """
    order = graph.sorted_by_use(results)
    # A call of torch may fail on the zeros that stand for steps past a row's length: it stays in the loop.
    calls = [node for node in order if node.op in OF_TORCH and node.level == CORE]
    needed = set(graph.sorted_by_use([*feeding, *calls]))
    late = {node for node in products(order, CORE) if node not in needed}
    for node in order:
        if node not in needed and any(arg in late for arg in node.args):
            late.add(node)
    return late


def frontier(results: Iterable[Node], late: set[Node]) -> list[Node]:
    """Return the values that the loop must store so that `results` can be computed after it."""
    found: dict[Node, None] = {}
    pending = list(results)
    seen: set[Node] = set()
    while pending:
        node = pending.pop(0)
        if node in seen or node.level < CORE:
            continue
        seen.add(node)
        if node in late or node.op in {"reshape", "permute", "expand"}:  # these cost nothing after the loop
            pending += node.args
        else:
            found[node] = None
    return list(found)
