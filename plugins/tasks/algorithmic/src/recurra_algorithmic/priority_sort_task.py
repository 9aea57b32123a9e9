"""The priority sort task: see vectors with priorities, then put the highest out in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, Goal, Task
from recurra_algorithmic.bit_answer import BitAnswer, Bits, Count, blind_references, check_range


class PrioritySort(BitAnswer):
    """Output the 16 of 20 random vectors that have the highest priorities, the highest first.

    20 vectors of 8 bits come, each with a priority that is drawn uniformly from −1 to 1 and shown on a
    channel of its own, then 16 empty steps on which the vectors are due: T = 36.

    Shapes: x (B, T, bits + 1), the priority last; y (B, T, bits), logits.
    Scores: bits_per_sequence, the cross-entropy of the answer in bits, 128 for a blind guess; bit_errors, the
    wrong bits per sequence after thresholding.
    Differs from the paper: no flag marks the end of the input, since the paper mentions none; it has no bound
    for success either, and solved means here below 20 bits, about where its curves of the networks with a
    memory end after a million sequences.
    Source: Graves, Wayne and Danihelka 2014, section 4.5.
    """

    stream = "PrioritySort"
    goal = Goal("bits_per_sequence", below=20)

    def __init__(
        self,
        *,
        bits: Bits = 8,
        vectors: Annotated[Count, Field(description="vectors in the input")] = 20,
        kept: Annotated[Count, Field(description="vectors in the target")] = 16,
    ) -> None:
        super().__init__(bits + 1, bits)
        check_range(self, "kept", "vectors")
        self.bits, self.vectors, self.kept = bits, vectors, kept

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the vectors and their priorities, and sort."""
        vectors = torch.randint(2, (batch_size, self.vectors, self.bits), generator=rng).float()
        priorities = 2 * torch.rand(batch_size, self.vectors, generator=rng) - 1
        order = priorities.argsort(dim=1, descending=True, stable=True)[:, : self.kept]
        steps = self.vectors + self.kept
        x, target = (torch.zeros(batch_size, steps, n) for n in (self.input_size, self.bits))
        x[:, : self.vectors] = torch.cat([vectors, priorities[..., None]], -1)
        target[:, self.vectors :] = vectors.gather(1, order[..., None].expand(-1, -1, self.bits))
        mask = (torch.arange(steps) >= self.vectors).repeat(batch_size, 1)
        return Batch(x, target, mask, torch.full((batch_size,), steps))

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what a blind guess scores, 128 bits with the paper's sizes, and a right answer."""
        return blind_references(self.bits * self.kept)

    def suite(self) -> Mapping[str, Task]:
        """Return the task as it was published, 16 of 20."""
        return {"sort-16-of-20": PrioritySort(bits=self.bits)}
