"""The copy task: see a sequence of random bit vectors, then put it out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Task
from recurra_algorithmic.bit_answer import BitAnswer, Bits, Count, blind_references, check_range

SUITE_LENGTHS = (10, 20, 30, 50, 120)


class Copy(BitAnswer):
    """Repeat a sequence of L random vectors of 8 bits, after it has ended and without further input.

    A start flag, the L vectors, an end flag, then L empty steps with the vectors as target: T = 2 L + 2.
    L is drawn uniformly for each sequence; shorter ones are padded.

    Shapes: x (B, T, bits + 2), the flags last; y (B, T, bits), logits.
    Scores: bits_per_sequence, the cross-entropy of the answer in bits (8 per vector for a blind guess);
    bit_errors, the wrong bits per sequence after thresholding.
    Source: Graves, Wayne and Danihelka 2014, section 4.1; generalisation is evaluated at lengths 10 to 120.
    """

    stream = "Copy"
    goal = Goal("bits_per_sequence", below=0.1)

    def __init__(
        self,
        *,
        bits: Bits = 8,
        min_length: Annotated[Count, Field(description="minimum length of a sequence")] = 1,
        max_length: Annotated[Count, Field(description="maximum length of a sequence")] = 20,
    ) -> None:
        super().__init__(bits + 2, bits)
        check_range(self, "min_length", "max_length")
        self.bits, self.min_length, self.max_length = bits, min_length, max_length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a length for each sequence, then that many random vectors."""
        lengths = torch.randint(self.min_length, self.max_length + 1, (batch_size,), generator=rng)
        longest = int(lengths.max()) if batch_size else self.min_length
        vectors = torch.randint(2, (batch_size, longest, self.bits), generator=rng).float()
        t = torch.arange(2 * longest + 2)
        due = (t >= lengths[:, None] + 2) & (t < 2 * lengths[:, None] + 2)  # (B, T)
        source = (t - lengths[:, None] - 2).clamp(0, longest - 1)
        target = vectors.gather(1, source[..., None].expand(-1, -1, self.bits)) * due[..., None]
        return Batch(self._shown(vectors, lengths), target, due, 2 * lengths + 2)

    def _shown(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return what is seen: start flag, vectors, end flag, then nothing: (B, T, bits + 2)."""
        batch_size, longest, _ = vectors.shape
        x = torch.zeros(batch_size, 2 * longest + 2, self.input_size)
        x[:, 1 : longest + 1, : self.bits] = vectors * (torch.arange(longest) < lengths[:, None])[..., None]
        x[:, 0, -2] = 1
        x[torch.arange(batch_size), lengths + 1, -1] = 1
        return x

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what a blind guess scores, 84 bits over the lengths 1 to 20, and a right answer."""
        return blind_references(self.bits * (self.min_length + self.max_length) / 2)

    def suite(self) -> Mapping[str, Task]:
        """Return copies of the task at the single lengths 10, 20, 30, 50 and 120."""
        return {f"length-{n}": Copy(bits=self.bits, min_length=n, max_length=n) for n in SUITE_LENGTHS}
