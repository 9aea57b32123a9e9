"""The Jacobian-vector product of a graph, by forward accumulation over its nodes.

`pushforward` follows several tangents of one node at once to the results. A tangent of a node of shape
(*shape) is a node (C, *shape), for C directions. Pointwise functions use the slopes of `passes.vjp`, so both
directions have the same derivatives at corners.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from recurra_engine.ir import graph
from recurra_engine.ir.graph import SHARED, Node, const, dot, expand, permute, pointwise, reshape, total
from recurra_engine.passes.vjp import SLOPES

Tangents = dict[Node, Node]
FLAT = graph.STEPS | graph.COMPARISONS | {"sign", "stop"}
"""Nodes that pass no tangent on."""


class NoTangent(Exception):
    """A node has no forward-mode derivative; the message names it."""


def pushforward(
    results: Iterable[Node], source: Node, seed: Node, held: Collection[Node] = ()
) -> list[Node | None]:
    """Return the tangents of results, each (C, *shape) or None where it is zero.

    Args:
        results: The nodes whose tangents are requested.
        source: The node that moves.
        seed: (C, *source.shape), the directions in which it moves.
        held: Nodes that do not move.

    Raises:
        NoTangent: The tangents pass through a call of torch.
    """
    results = list(results)
    known: Tangents = {source: seed}
    for node in graph.sorted_by_use(results):
        moving = node not in known and node not in held and node.op not in FLAT
        if moving and any(arg in known for arg in node.args):
            tangent = _pushed(node, known, seed.shape[0])
            if tangent is not None and not graph.is_const(tangent, 0):
                known[node] = expand(tangent, (seed.shape[0], *node.shape))
    return [known.get(result) for result in results]


def _pushed(node: Node, known: Tangents, count: int) -> Node | None:
    if node.op in graph.POINTWISE:
        return _of_pointwise(node, known)
    if node.op == "cat":
        return graph.cat([_of(part, known, count) for part in node.args], node.data[0] + 1)
    if node.op == "dot":
        return _of_dot(node, known)
    if node.op == "straight_through":
        return known.get(node.args[1])
    if node.op not in PUSH:
        raise NoTangent(f"the step calls torch ({node.data[0]})")
    return PUSH[node.op](node, known[node.args[0]])


def _of(node: Node, known: Tangents, count: int) -> Node:
    return known.get(node) or const(0, (count, *node.shape))


def _sum(parts: Iterable[Node | None]) -> Node | None:
    result: Node | None = None
    for part in parts:
        if part is not None:
            result = part if result is None else pointwise("add", result, part)
    return result


def _of_pointwise(node: Node, known: Tangents) -> Node | None:
    def share(i: int, tangent: Node) -> Node | None:
        return SLOPES[node.op](node, tangent)[i]

    return _sum(share(i, known[arg]) for i, arg in enumerate(node.args) if arg in known)


def _of_dot(node: Node, known: Tangents) -> Node | None:
    a, b = node.args
    return _sum(
        [
            _of_left(known[a], b) if a in known else None,
            _of_right(a, known[b]) if b in known else None,
        ]
    )


def _of_left(t: Node, b: Node) -> Node:
    """Return da b: (C, Z, I, K) by (Z, K, J) -> (C, Z, I, J), as one product with C I rows."""
    c, z, i, k = t.shape
    rows = reshape(permute(t, (1, 0, 2, 3)), (z, c * i, k))
    return permute(reshape(_product(rows, b), (z, c, i, b.shape[2])), (1, 0, 2, 3))


def _of_right(a: Node, t: Node) -> Node:
    """Return a db: (Z, I, K) by (C, Z, K, J) -> (C, Z, I, J), as one product with C J columns."""
    c, z, k, j = t.shape
    columns = reshape(permute(t, (1, 2, 0, 3)), (z, k, c * j))
    return permute(reshape(_product(a, columns), (z, a.shape[1], c, j)), (2, 0, 1, 3))


def _product(a: Node, b: Node) -> Node:
    # Of two values that all rows share, too: it is computed once, before the loop.
    if a.level == b.level == SHARED:
        return graph.make("dot", [a, b], (*a.shape[:2], b.shape[2]))
    return dot(a, b)


def _of_softmax(n: Node, t: Node) -> Node:
    share = pointwise("mul", n, t)
    mean = total(share, [len(share.shape) - 1])
    return pointwise("sub", share, pointwise("mul", n, expand(mean, share.shape)))


def _of_amax(n: Node, t: Node) -> Node:
    (a,), (dims,) = n.args, n.data
    largest = pointwise("eq", a, expand(n, a.shape))
    moved = total(pointwise("mul", largest, t), [d + 1 for d in dims])
    return pointwise("div", moved, total(largest, dims))


PUSH: dict[str, Callable[[Node, Node], Node]] = {
    "reshape": lambda n, t: reshape(t, (t.shape[0], *n.shape)),
    "permute": lambda n, t: permute(t, (0, *(d + 1 for d in n.data[0]))),
    "expand": lambda n, t: expand(t, (t.shape[0], *n.shape)),
    "slice": lambda n, t: graph.cut(t, n.data[0] + 1, *n.data[1:]),
    "pad": lambda n, t: graph.pad(t, n.data[0] + 1, *n.data[1:]),
    "sum": lambda n, t: total(t, [d + 1 for d in n.data[0]]),
    "amax": _of_amax,
    "softmax": _of_softmax,
}
