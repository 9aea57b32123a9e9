"""Trees found by a search: their merges, their scores, and their encoding as input for a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from recurra import InvalidInput
from recurra_recursive.trees import TreeCell

Penalty = Callable[[Tensor], Tensor]
"""Loss of nodes (M,), given the leaves below them, (M, n) booleans; it must not depend on the cell."""
Merges = Sequence[tuple[int, int]]
"""The children of each inner node: leaves are numbered 0 to n - 1, inner nodes n, n + 1, ..."""


class Found(NamedTuple):
    """A binary tree over n leaves; gradients flow to the leaves and the cell through this tree only.

    Args:
        merges: The children of each inner node, children before their parents; see `Merges`.
        nodes: (2 n - 1, N), the leaves, then the inner nodes; the last one is the root.
        scores: (n - 1,), the score of each merge, including its penalty.
        total: (), their sum.
    """

    merges: tuple[tuple[int, int], ...]
    nodes: Tensor
    scores: Tensor
    total: Tensor

    @property
    def post_order(self) -> list[int]:
        """The numbers of all nodes, children before their parent, from left to right."""
        leaves, waiting, read = len(self.merges) + 1, [2 * len(self.merges)], list[int]()
        while waiting:
            node = waiting.pop()
            read.append(node)
            if node >= leaves:
                waiting += self.merges[node - leaves]
        return read[::-1]  # reversed pre-order, right side first, is post-order

    @property
    def arities(self) -> list[int]:
        """The number of children of each node in post-order: 0 for leaves, else 2."""
        return [2 * (node > len(self.merges)) for node in self.post_order]

    @property
    def members(self) -> Tensor:
        """The leaves below each inner node: (n - 1, n) booleans."""
        return members(self.merges)

    def as_input(self, features: Tensor) -> Tensor:
        """Return the input of a cell, x (2 n - 1, I), for leaves with the given features (n, I - 1)."""
        inner = features.new_zeros(len(self.merges), features.shape[1])
        arities = features.new_tensor(self.arities)[:, None]
        return torch.cat([torch.cat([features, inner])[self.post_order], arities], 1)


def as_batch(trees: Sequence[Found], features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return x (B, T, I) and lengths (B,) of a batch of trees; see `Found.as_input`."""
    rows = [tree.as_input(leaves) for tree, leaves in zip(trees, features, strict=True)]
    lengths = torch.tensor([len(row) for row in rows])
    return pad_sequence(rows, batch_first=True), lengths


def grown(cell: TreeCell, leaves: Tensor, merges: Merges, penalty: Penalty | None = None) -> Found:
    """Compute and score the given tree over leaves (n, N).

    Raises:
        InvalidInput: `leaves` are not (n, N) with n >= 1, or the merges do not form a tree over them.
        InvalidOption: The cell has no `scoring`.
    """
    check_leaves(cell, leaves)
    _check_merges(merges, len(leaves))
    nodes = list(leaves.unbind())
    for left, right in merges:
        nodes.append(cell.merge(nodes[left][None], nodes[right][None])[0])
    made = torch.stack(nodes)
    scores = cell.score(made[len(leaves) :])
    if penalty is not None and len(merges):
        scores = scores + penalty(members(merges)).to(scores)
    return Found(tuple(merges), made, scores, scores.sum())


def members(merges: Merges) -> Tensor:
    """Return the leaves below each inner node: (n - 1, n) booleans."""
    below = list(torch.eye(len(merges) + 1, dtype=torch.bool).unbind())
    for left, right in merges:
        below.append(below[left] | below[right])
    return torch.stack(below[len(merges) + 1 :]) if merges else torch.zeros(0, 1, dtype=torch.bool)


def check_leaves(cell: TreeCell, leaves: Tensor) -> None:
    """Raise InvalidInput if leaves are not (n, N) with n >= 1."""
    if leaves.dim() != 2 or leaves.shape[0] < 1 or leaves.shape[1] != cell.node_size:
        wanted = f"leaves must be (n, {cell.node_size}) with n >= 1, as {type(cell).__name__}.leaf makes them"
        raise InvalidInput(f"{wanted}; got {tuple(leaves.shape)}")


def _check_merges(merges: Merges, leaves: int) -> None:
    used = sorted(child for pair in merges for child in pair)
    late = any(max(pair) >= leaves + made for made, pair in enumerate(merges))
    if late or used != list(range(2 * (leaves - 1))):
        raise InvalidInput(
            f"merges must use each node of a tree over {leaves} leaves once, got {list(merges)}"
        )
