"""Graphs of which a network makes trees: neighbours are merged into one node, until a single one is left.

A task gives the nodes of a graph as rows of x, each with its features and its row of the adjacency matrix. A
cell that reads trees, and says how good a merge is, finds a tree over them (`FindsTrees`) and reads that.
Each node of the graph, a leaf of the tree, then takes the answer of the node above it that is most certain.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from recurra.task import Batch, SupervisedTask


class Tree(Protocol):
    """A binary tree over n leaves."""

    @property
    def post_order(self) -> Sequence[int]:
        """The numbers of all nodes, children before their parent: 0 to n − 1 are the leaves."""
        ...

    @property
    def members(self) -> Tensor:
        """Which leaves are below each inner node: (n − 1, n) booleans."""
        ...

    def as_input(self, features: Tensor) -> Tensor:
        """Return what a cell reads, (2 n − 1, F + 1) in post-order, for leaves with features (n, F)."""
        ...


@runtime_checkable
class FindsTrees(Protocol):
    """What a cell that reads trees offers where trees are to be found."""

    def parse(
        self, features: Tensor, adjacency: Tensor, regions: Tensor | None = None, kappa: float = 0.0
    ) -> Tree:
        """Return a tree whose merges score high.

        Args:
            features: (n, F), of the leaves.
            adjacency: (n, n) booleans, symmetric: which leaves are neighbours.
            regions: (n,), numbers from 0; where given, `kappa` is added to the score of each node that mixes
                regions before each of them was complete.
            kappa: Positive to look for trees that violate a margin, very negative for right ones alone.
        """
        ...

    def score(self, nodes: Tensor) -> Tensor:
        """Return how good the merges are that made nodes: (..., H) -> (...)."""
        ...


class GraphTask(SupervisedTask):
    """A task that can give graphs: x (B, T, F + N), features and then rows of the adjacency matrix.

    Where its sequences come from says the class that it is combined with, such as `GeneratedTask`.
    """

    features: int
    """F, numbers of x that describe a node."""

    @abc.abstractmethod
    def classes(self, batch: Batch) -> Tensor:
        """Return the class of each node, (B, T) whole numbers."""

    @abc.abstractmethod
    def region_of(self, batch: Batch) -> Tensor:
        """Return the region of each node, (B, T) numbers from 0; a right tree merges within regions first."""


class Forest(NamedTuple):
    """Trees over the graphs of a batch, as a cell reads them.

    Args:
        x: (B, T', F + 1), nodes in post-order.
        lengths: (B,), nodes of each tree.
        below: (B, T', T), which nodes of the graph are below each node of the tree, or are it.
        merge: (B, T'), which merge made each node, counted from 0; −1 at leaves and past the end.
    """

    x: Tensor
    lengths: Tensor
    below: Tensor
    merge: Tensor


def graph_of(x: Tensor, row: int, nodes: int, features: int) -> tuple[Tensor, Tensor]:
    """Return features (n, F) and adjacency (n, n) of one row of x (B, T, F + N)."""
    return x[row, :nodes, :features], x[row, :nodes, features : features + nodes] > 0


def parsed(
    cell: FindsTrees,
    x: Tensor,
    lengths: Tensor,
    features: int,
    regions: Tensor | None = None,
    kappa: float = 0.0,
) -> list[Tree]:
    """Return a tree for each row of x (B, T, F + N); see `FindsTrees.parse`."""
    trees = []
    with torch.no_grad():
        for row, nodes in enumerate(lengths.tolist()):
            own = None if regions is None else regions[row, :nodes]
            trees.append(cell.parse(*graph_of(x, row, nodes, features), own, kappa))
    return trees


def forest(trees: Sequence[Tree], x: Tensor, lengths: Tensor, features: int) -> Forest:
    """Return trees over the rows of x (B, T, F + N) as a cell reads them."""
    rows, below, merge = [], [], []
    for row, (tree, nodes) in enumerate(zip(trees, lengths.tolist(), strict=True)):
        rows.append(tree.as_input(x[row, :nodes, :features]))
        below.append(_below(tree, nodes, x.shape[1]).to(x.device))
        merge.append((torch.tensor(list(tree.post_order), device=x.device) - nodes).clamp(min=-1))
    sizes = torch.tensor([len(row) for row in rows], device=x.device)
    x, members = (pad_sequence(part, batch_first=True) for part in (rows, below))
    return Forest(x, sizes, members, pad_sequence(merge, batch_first=True, padding_value=-1))


def _below(tree: Tree, nodes: int, width: int) -> Tensor:
    found = torch.zeros(2 * nodes - 1, width, dtype=torch.bool)
    found[:nodes, :nodes] = torch.eye(nodes, dtype=torch.bool)
    found[nodes:, :nodes] = tree.members
    return found[list(tree.post_order)]


def most_certain(logits: Tensor, below: Tensor) -> Tensor:
    """Return each graph node's answer: that of the tree node above it whose largest probability is largest.

    Shapes: logits (B, T', O), below (B, T', T) -> (B, T, O); zeros where there is no node.
    Source: Farabet, Couprie, Najman and LeCun 2013, who cover an image with the purest nodes of a tree.
    """
    certainty = torch.log_softmax(logits.detach(), -1).amax(-1)  # (B, T')
    best = torch.where(below, certainty[..., None], -torch.inf).argmax(1)  # (B, T)
    answers = logits.gather(1, best[..., None].expand(-1, -1, logits.shape[-1]))
    return torch.where(below.any(1)[..., None], answers, torch.zeros_like(answers))
