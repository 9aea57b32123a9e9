"""Random choices without replacement, for a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor


def distinct(batch_size: int, count: int, weights: Tensor, rng: torch.Generator) -> Tensor:
    """Draw `count` different indices for each row, one after the other: weights (n,) -> (B, count).

    The next index is drawn from those left over, in proportion to their weights. The largest values of
    log(u) / weight, with u uniform, have the distribution of such draws.

    Source: Efraimidis and Spirakis 2006.
    """
    # Double precision, since among thousands of float32 numbers some are equal, and the order of equals
    # depends on the machine.
    u = torch.rand(batch_size, len(weights), generator=rng, dtype=torch.float64)
    return (u.log() / weights).topk(count).indices


def others(used: Tensor, choices: int, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` numbers for each row, with replacement, from those below `choices` that are not used.

    Shapes: used (B, n), different numbers in each row -> (B, count).
    """
    rows, n = used.shape
    rank = torch.randint(choices - n, (rows, count), generator=rng)
    # Before the i-th used number, counted from 0, there are as many free ones as it is above i.
    free_before = used.sort(1).values - torch.arange(n)
    return rank + torch.searchsorted(free_before, rank, right=True)
