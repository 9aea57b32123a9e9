"""Elapsed time as a net reads and predicts it: binary numbers, which are unique up to their largest."""

from __future__ import annotations

import torch
from torch import Tensor


def bits_of(elapsed: Tensor, bits: int) -> Tensor:
    """Write integers in binary: (B, n) -> 0 or 1 (B, n, bits), lowest bit first.

    A number that needs more bits is written as the largest that needs no more.
    """
    place = torch.arange(bits, device=elapsed.device)
    return (elapsed.clamp(max=2**bits - 1)[..., None] >> place) & 1


def number_of(bits: Tensor) -> Tensor:
    """Read binary numbers, lowest bit first: (B, n, bits), 0 or 1 -> integers (B, n)."""
    place = torch.arange(bits.shape[-1], device=bits.device)
    return (bits.long() << place).sum(-1)
