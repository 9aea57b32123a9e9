"""Which part of the influence J is kept, and by which coefficients it advances, for each learning rule.

A group is a set of columns of J (weights) that act on the same rows (states). In a cell whose units feel each
other, all columns are one group of all rows. If D is diagonal, each unit's weights are a group of that unit's
rows, and J costs as much as the weights themselves: nobody says so, the structure of D does.

    exact      all that a weight can ever act on
    e-prop     the same, for a D without what passes through weights
    snap-1     what a weight acts on within one step (SnAp-1)
    diagonal   the same, and of D only the diagonal
    uoro       one group of all, for an estimate of rank one
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from recurra_engine.passes.forward_mode import Run
from recurra_engine.passes.sparsity import closure

ForwardRule = Literal["exact", "snap-1", "diagonal", "e-prop", "uoro"]
FEWEST_DENSE = 4
"""Rows that a state must act on for its coefficients to be a column of a matrix."""


@dataclass(frozen=True)
class Group:
    """Columns of J on the same rows.

    Args:
        rows: The states on which the weights act; those with a column in `matrix` come first.
        runs: The weights.
        matrix: Where in the factors D[row, state] is found for the first states, or -1: (rows, dense).
        entries: The other numbers of D: (row, state, place), both as numbers in `rows`.
    """

    rows: Tensor
    runs: Sequence[Run]
    matrix: Tensor
    entries: Tensor

    @property
    def columns(self) -> int:
        """The number of weights."""
        return sum(run.columns for run in self.runs)

    @property
    def terms(self) -> list[Tensor]:
        """The terms of each run, with rows as numbers in `rows`."""
        number = torch.full((int(self.rows.max()) + 1,), -1)
        number[self.rows] = torch.arange(len(self.rows))
        return [torch.cat([number[run.terms[:, :1]], run.terms[:, 1:]], 1) for run in self.runs]

    @property
    def multiplications(self) -> int:
        """Multiplications of a step for one row of the batch, those for the gradient aside."""
        of_D = int((self.matrix >= 0).sum()) + len(self.entries)
        return of_D * self.columns + sum(run.columns * len(run.terms) for run in self.runs)


def groups(D: Tensor, runs: Sequence[Run], rule: ForwardRule) -> list[Group]:
    """Return the groups of a recurrence; weights that act on no state are in none.

    Args:
        D: See `Recurrence`.
        runs: The weights.
        rule: What is kept.
    """
    if rule == "uoro":
        return [_group(D, torch.arange(len(D)), list(runs), dense=False)]
    reached = closure(D >= 0) if rule in ("exact", "e-prop") else torch.eye(len(D), dtype=torch.bool)
    D = torch.where(torch.eye(len(D), dtype=torch.bool), D, -1) if rule == "diagonal" else D
    found: dict[tuple[int, ...], list[Run]] = {}
    for run in runs:
        rows = reached[run.rows].any(0).nonzero().flatten()
        if len(rows):
            found.setdefault(tuple(rows.tolist()), []).append(run)
    return [_group(D, torch.tensor(rows), own, dense=True) for rows, own in found.items()]


def _group(D: Tensor, rows: Tensor, runs: Sequence[Run], *, dense: bool) -> Group:
    acts_on = (D[rows][:, rows] >= 0).sum(1)
    full = (acts_on >= max(FEWEST_DENSE, len(rows) // 4)) & dense
    rows = torch.cat([rows[full], rows[~full]])
    inner, count = D[rows][:, rows], int(full.sum())
    states, targets = (inner >= 0).nonzero(as_tuple=True)
    single = states >= count
    entries = torch.stack([targets, states, inner[states, targets]], 1)[single]
    entries = entries[entries[:, 0].argsort(stable=True)]
    return Group(rows, runs, inner[:count].T.contiguous(), entries.contiguous())
