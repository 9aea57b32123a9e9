"""Graphs of which a network makes trees: neighbours are merged into one node, until a single one is left.

A task gives the nodes of a graph as rows of x, each with its features and its row of the adjacency matrix. A
cell that reads trees, and says how good a merge is, finds a tree over them and reads that.
Each node of the graph, a leaf of the tree, then takes the answer of the node above it that is most certain.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

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


class GraphTask(SupervisedTask):
    """A task that can give graphs: x (B, T, F + N), features and then rows of the adjacency matrix.

    Where its sequences come from says the class that it is combined with, such as `GeneratedTask`.
    """

    features: int
    """F, numbers of x that describe a node."""

    @abc.abstractmethod
    def classes(self, batch: Batch) -> Tensor:
        """Return the class of each node, (B, T) integers."""

    @abc.abstractmethod
    def region_of(self, batch: Batch) -> Tensor:
        """Return the region of each node, (B, T) integers; correct trees merge within regions first."""
