"""One-hot encoding of symbols, and the lengths of rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def coded(symbols: Tensor, kinds: int, lengths: Tensor) -> Tensor:
    """Return symbols (B, T) as one-hot vectors (B, T, kinds), which are zero after the end of a row."""
    live = torch.arange(symbols.shape[1]) < lengths[:, None]
    return (one_hot(symbols, kinds) * live[..., None]).to(torch.get_default_dtype())


def last_steps(lengths: Tensor, steps: int) -> Tensor:
    """Return a mask (B, T) that is true at the last step of each row."""
    return torch.arange(steps) == lengths[:, None] - 1


def lengths_from(least: int, batch_size: int, rng: torch.Generator) -> Tensor:
    """Draw lengths (B,), uniform from T to T + T / 10."""
    return torch.randint(least, least + least // 10 + 1, (batch_size,), generator=rng)
