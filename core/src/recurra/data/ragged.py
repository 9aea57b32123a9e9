"""Sequences of different lengths, kept end to end in one tensor and padded when they are needed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def unpadded(lengths: Tensor, steps: int) -> Tensor:
    """Return which steps are not padding: lengths (B,) -> (B, steps) booleans."""
    return torch.arange(steps) < lengths[:, None]


class Ragged(NamedTuple):
    """Rows of different lengths, end to end.

    Args:
        values: (sum of counts, ...).
        starts: (N,) where each row begins.
        counts: (N,) how many steps it has.
    """

    values: Tensor
    starts: Tensor
    counts: Tensor

    def padded(self, rows: Tensor, steps: int, fill: float) -> Tensor:
        """Return rows (B,) as (B, steps, ...), with the fill after the end of each."""
        within = unpadded(self.counts[rows], steps)
        where = torch.where(within, self.starts[rows][:, None] + torch.arange(steps), 0)
        found = self.values[where]
        within = within.reshape(*within.shape, *[1] * (found.dim() - 2))
        return torch.where(within, found, torch.full((), fill, dtype=found.dtype))
