"""In which numbers a loop is stored, and in which it is computed."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Precision(NamedTuple):
    """Two kinds of numbers.

    Args:
        stored: Inputs, outputs, weights, and what cuBLAS reads and writes.
        computed: Everything inside a kernel, what is carried from step to step, and sums.
    """

    stored: torch.dtype
    computed: torch.dtype

    @property
    def mixed(self) -> bool:
        """Whether they differ."""
        return self.stored != self.computed

    @property
    def name(self) -> str:
        """What Triton calls the numbers that are computed with."""
        return {torch.float32: "tl.float32", torch.float64: "tl.float64"}[self.computed]


def precision(dtype: torch.dtype) -> Precision:
    """Return how inputs of a dtype are worked on; bfloat16 is computed, and carried, in float32."""
    return Precision(dtype, torch.float32 if dtype == torch.bfloat16 else dtype)
