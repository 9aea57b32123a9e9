"""Trees over the graphs of a batch: parsed and read by a cell, with outputs for the nodes of the graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from recurra.capabilities.graphs import Tree
from recurra_lab.training.capabilities import FindsTrees


class Forest(NamedTuple):
    """Trees over the graphs of a batch, as input of a cell.

    Args:
        x: (B, T', F + 1), nodes in post-order.
        lengths: (B,), nodes of each tree.
        below: (B, T', T), which nodes of the graph each node of the tree covers.
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
    """Return trees over the rows of x (B, T, F + N) as input of a cell."""
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
    """Return the output of each graph node: that of its most confident covering tree node.

    Shapes: logits (B, T', O), below (B, T', T) -> (B, T, O); zeros where there is no node.
    Source: Farabet, Couprie, Najman and LeCun 2013, who cover an image with the purest nodes of a tree.
    """
    certainty = torch.log_softmax(logits.detach(), -1).amax(-1)  # (B, T')
    best = torch.where(below, certainty[..., None], -torch.inf).argmax(1)  # (B, T)
    answers = logits.gather(1, best[..., None].expand(-1, -1, logits.shape[-1]))
    return torch.where(below.any(1)[..., None], answers, torch.zeros_like(answers))
