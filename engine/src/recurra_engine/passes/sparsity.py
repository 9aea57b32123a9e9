"""Which elements of a result depend on which elements of a node: the structure of a Jacobian.

A dependence is found by its path, whatever the numbers: an element that is found not to depend on another has
a derivative of zero everywhere. `colours` groups the columns of a Jacobian that share no row, so that one
tangent computes all of a group (Curtis, Powell and Reid 1974).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor
from torch.nn import functional

from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node
from recurra_engine.passes.jvp import FLAT, NoTangent

Masks = dict[Node, Tensor]


def dependence(results: Iterable[Node], source: Node, held: Collection[Node] = ()) -> Tensor:
    """Return which of the results' elements, one after the other, depend on which of the source's.

    Args:
        results: R elements in all.
        source: A node of N elements.
        held: Nodes through which no dependence passes.

    Returns:
        (N, R), booleans.

    Raises:
        NoTangent: A dependence passes through a call of torch.
    """
    results = list(results)
    known: Masks = {source: torch.eye(source.size, dtype=torch.bool).view(source.size, *source.shape)}
    for node in graph.sorted_by_use(results):
        moving = node not in known and node not in held and node.op not in FLAT
        if moving and any(arg in known for arg in node.args):
            known[node] = _mask(node, known, source.size)
    return torch.cat([_of(result, known, source.size).flatten(1) for result in results], 1)


def _of(node: Node, known: Masks, count: int) -> Tensor:
    found = known.get(node)
    return torch.zeros(count, *node.shape, dtype=torch.bool) if found is None else found


def _mask(node: Node, known: Masks, count: int) -> Tensor:
    if node.op in graph.POINTWISE:
        return _of_pointwise(node, known, count)
    if node.op == "cat":
        return torch.cat([_of(part, known, count) for part in node.args], node.data[0] + 1)
    if node.op == "dot":
        return _of_dot(node, known, count)
    if node.op == "straight_through":
        return _of(node.args[1], known, count)
    if node.op not in MASKS:
        raise NoTangent(f"the step calls torch ({node.data[0]})")
    return MASKS[node.op](node, known[node.args[0]])


def _of_pointwise(node: Node, known: Masks, count: int) -> Tensor:
    args = node.args[1:] if node.op == "where" else node.args
    found = torch.zeros(count, *node.shape, dtype=torch.bool)
    for arg in args:
        if arg in known:
            found = found | known[arg]
    return found


def _of_dot(node: Node, known: Masks, count: int) -> Tensor:
    a, b = node.args
    left = _of(a, known, count).any(3, keepdim=True)
    right = _of(b, known, count).any(2, keepdim=True)
    return left | right


def _any(mask: Tensor, dims: Iterable[int]) -> Tensor:
    for d in dims:
        mask = mask.any(d + 1, keepdim=True)
    return mask


MASKS: dict[str, Callable[[Node, Tensor], Tensor]] = {
    "reshape": lambda n, m: m.reshape(-1, *n.shape),
    "permute": lambda n, m: m.permute(0, *(d + 1 for d in n.data[0])),
    "expand": lambda n, m: m.expand(-1, *n.shape),
    "slice": lambda n, m: m.narrow(n.data[0] + 1, n.data[1], n.data[2] - n.data[1]),
    "pad": lambda n, m: functional.pad(m, [0, 0] * (len(n.shape) - 1 - n.data[0]) + [*n.data[1:]]),
    "sum": lambda n, m: _any(m, n.data[0]),
    "amax": lambda n, m: _any(m, n.data[0]),
    "softmax": lambda n, m: m.any(-1, keepdim=True).expand(m.shape),
}


def colours(pattern: Tensor) -> Tensor:
    """Return a colour (N,) for each source of a dependence (N, R); two of one colour share no result."""
    chosen = torch.zeros(len(pattern), dtype=torch.int64)
    taken: list[Tensor] = []
    for i, row in enumerate(pattern):
        free = next((c for c, results in enumerate(taken) if not bool((results & row).any())), len(taken))
        if free == len(taken):
            taken.append(torch.zeros_like(row))
        taken[free] |= row
        chosen[i] = free
    return chosen


def closure(pattern: Tensor) -> Tensor:
    """Return which elements each one reaches in any number of steps, itself included: (S, S) -> (S, S)."""
    reached = pattern.float() + torch.eye(len(pattern))
    while True:
        further = (reached @ reached > 0).float()
        if torch.equal(further, (reached > 0).float()):
            return further > 0
        reached = further
