"""The loss of incorrect trees, Δ = κ times the number of wrong nodes, for max-margin learning."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra_recursive.found import Merges, Penalty, members


def wrong_spans(merges: Merges, kappa: float = 0.05) -> Penalty:
    """Return a loss of κ for each node whose leaves do not form a node of the correct tree."""
    right = {tuple(row) for row in members(merges).tolist()}

    def penalty(below: Tensor) -> Tensor:
        return kappa * torch.tensor([float(tuple(row) not in right) for row in below.tolist()])

    return penalty


def mixed_regions(regions: Tensor, kappa: float = 0.05) -> Penalty:
    """Return a loss of κ for each node that mixes regions before each of them is complete.

    A correct tree first merges the leaves of each region, in any order, then the regions, in any order. The
    loss of a node depends only on the leaves below it, not on how they were merged.

    Args:
        regions: (n,) integers from 0, the region of each leaf; see `same_label`.
        kappa: κ, the loss of one node, 0.05 in the paper.
    """
    inside = torch.nn.functional.one_hot(regions).double()  # (n, R)

    def penalty(below: Tensor) -> Tensor:
        count = below.double() @ inside  # (M, R)
        partial = ((count > 0) & (count < inside.sum(0))).any(1)
        return kappa * (partial & ((count > 0).sum(1) > 1)).double()

    return penalty


def same_label(adjacency: Tensor, labels: Tensor) -> Tensor:
    """Return the region of each leaf (n,): neighbours with the same label belong to the same region.

    Args:
        adjacency: (n, n), true where two leaves are neighbours, in either direction.
        labels: (n,), the label of each leaf.
    """
    joined = (adjacency | adjacency.T) & (labels[:, None] == labels)
    reached = joined | torch.eye(len(labels), dtype=torch.bool)
    for _ in range(len(labels).bit_length()):  # every product doubles the length of paths
        reached = (reached.double() @ reached.double()) > 0
    first = reached.int().argmax(1)  # the smallest index in a region identifies it
    _, regions = torch.unique(first, return_inverse=True)
    return regions  # type: ignore[no-any-return]
