"""Greedy search: repeatedly merge the best pair of neighbours until one node is left."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra import InvalidInput
from recurra_recursive.found import Found, Penalty, check_leaves, grown
from recurra_recursive.trees import TreeCell

Pair = tuple[int, int]


def greedy_sequence(cell: TreeCell, leaves: Tensor, penalty: Penalty | None = None) -> Found:
    """Merge neighbours in a sequence of leaves (n, N); see `greedy_graph`."""
    check_leaves(cell, leaves)
    return greedy_graph(cell, leaves, torch.ones(len(leaves) - 1).diag(1) > 0, penalty)


def greedy_graph(cell: TreeCell, leaves: Tensor, adjacency: Tensor, penalty: Penalty | None = None) -> Found:
    """Repeatedly merge the pair of neighbours with the highest score; the new node has their neighbours.

    The search does not look ahead, so the tree may not be optimal. It records no gradient; the selected tree
    is recomputed with gradients.

    Args:
        cell: A cell with `scoring`; s = `cell.score(cell.merge(left, right))`.
        leaves: (n, N), as returned by `cell.leaf`.
        adjacency: (n, n) booleans, true at [i, j] if i as left and j as right child may be merged. If it is
            symmetric, neighbours have no order, and both orders are tried.
        penalty: Loss Δ of each node, which is added to the scores, for max-margin learning.

    Raises:
        InvalidInput: `leaves` or `adjacency` have the wrong shape, or the leaves are not all connected.
        InvalidOption: The cell has no `scoring`.
    """
    check_leaves(cell, leaves)
    _check_adjacency(adjacency, len(leaves))
    with torch.no_grad():
        merges = _Search(cell, leaves, adjacency, penalty).merges()
    return grown(cell, leaves, merges, penalty)


class _Search:
    """The nodes without a parent, and the score of merging each pair of neighbours."""

    def __init__(self, cell: TreeCell, leaves: Tensor, adjacency: Tensor, penalty: Penalty | None) -> None:
        self.cell, self.penalty = cell, penalty
        self.nodes = list(leaves.unbind())
        self.below = list(torch.eye(len(leaves), dtype=torch.bool).unbind())
        self.made: dict[Pair, Tensor] = {}
        self.scores: dict[Pair, float] = {}
        self._try([(i, j) for i, j in adjacency.nonzero().tolist() if i != j])

    def merges(self) -> list[Pair]:
        """Merge until one node is left."""
        chosen: list[Pair] = []
        for _ in range(len(self.nodes) - 1):
            if not self.scores:
                raise InvalidInput("adjacency: not all leaves are connected, so no tree has all of them")
            best = max(self.scores, key=self.scores.__getitem__)
            chosen.append(best)
            self._merge(best)
        return chosen

    def _merge(self, pair: Pair) -> None:
        new = len(self.nodes)
        self.nodes.append(self.made[pair])
        self.below.append(self.below[pair[0]] | self.below[pair[1]])
        gone = [other for other in self.scores if not set(pair).isdisjoint(other)]
        for other in gone:
            del self.scores[other], self.made[other]
        named = ((new if i in pair else i, new if j in pair else j) for i, j in gone)
        self._try([(i, j) for i, j in dict.fromkeys(named) if i != j])

    def _try(self, pairs: list[Pair]) -> None:
        if not pairs:
            return
        left, right = (torch.stack([self.nodes[pair[side]] for pair in pairs]) for side in (0, 1))
        nodes = self.cell.merge(left, right)
        scores = self.cell.score(nodes)
        if self.penalty is not None:
            below = torch.stack([self.below[i] | self.below[j] for i, j in pairs])
            scores = scores + self.penalty(below).to(scores)
        self.made.update(zip(pairs, nodes, strict=True))
        self.scores.update(zip(pairs, scores.tolist(), strict=True))


def _check_adjacency(adjacency: Tensor, leaves: int) -> None:
    if adjacency.shape != (leaves, leaves) or adjacency.dtype != torch.bool:
        got = f"{tuple(adjacency.shape)} of {adjacency.dtype}"
        raise InvalidInput(f"adjacency must be ({leaves}, {leaves}) of torch.bool, got {got}")
