"""Evaluates whole batches of trees: all nodes of the same level are computed together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recurra_recursive.plan import Plan, plan

if TYPE_CHECKING:
    from recurra_recursive.trees import TreeCell


def fold(
    cell: TreeCell, x: Tensor, arity: Tensor, live: Tensor, nodes: Tensor, waiting: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute trees, with the results of single steps: features x (B, T, I - 1), arities and `live` (B, T).

    Returns:
        The nodes (B, T, N), zero after the end of a row; the stacks (B, P, N); the stack sizes (B,).
    """
    # The plan is computed on the CPU, because it takes many small operations and reads values.
    planned = plan(arity.cpu(), live.cpu(), waiting.cpu(), nodes.shape[1]).to(x.device)
    row = torch.cat(
        [*_levels(cell, x.flatten(0, 1), nodes.flatten(0, 1), planned), nodes.new_zeros(1, nodes.shape[2])]
    )
    read = live.any(1)[:, None, None]  # a row without steps keeps its stack
    return row[planned.made], torch.where(read, row[planned.stack], nodes), planned.waiting


def _levels(cell: TreeCell, x: Tensor, stacks: Tensor, planned: Plan) -> Iterator[Tensor]:
    """Yield the nodes of each level."""
    nothing = stacks.new_zeros(1, stacks.shape[1])
    features = iter(torch.split(x[planned.steps], planned.sizes[1:]))
    children = iter(torch.split(planned.children, planned.sizes[2:]))
    used: list[list[Tensor]] = [[nothing] for _ in range(len(planned.sizes) + 1)]
    for level, users in enumerate(planned.users):
        if level == 0:
            nodes = stacks[planned.first]
        elif level == 1:
            nodes = cell.leaf(next(features))
        else:
            given = torch.cat([*used[level][1:], nothing])
            nodes = cell.inner(next(features), given[next(children)])
        nodes = nodes.to(stacks.dtype)
        yield nodes
        parts = torch.split(nodes, [count for _, count in users])
        for (user, _), part in zip(users, parts, strict=True):
            used[user].append(part)
