"""Seeding of torch's own generators, from which initial weights and stochastic steps are drawn."""

from __future__ import annotations

import torch

from recurra import seed_of


def reseed(*words: object) -> None:
    """Seed torch's generators, those of the CPU and of the current CUDA device, with `seed_of` the words."""
    value = seed_of(*words)
    # torch.manual_seed would also visit every backend, which costs a hundred times as much.
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed(value)
