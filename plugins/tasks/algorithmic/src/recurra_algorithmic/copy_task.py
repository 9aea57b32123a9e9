"""The copy task: see a sequence of random bit vectors, then put it out again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra.errors import InvalidOption
from recurra.task import Batch, Goal, Score, Task

Count = Annotated[int, Field(gt=0)]
SUITE_LENGTHS = (10, 20, 30, 50, 120)


class Copy(Task):
    """Repeat a sequence of L random vectors of 8 bits, after it has ended and with nothing to see meanwhile.

    A start flag, the L vectors, an end flag, then L empty steps on which the vectors are due: T = 2 L + 2.
    L is drawn uniformly for each batch, and all sequences of a batch share it.

    Shapes: x (B, T, bits + 2), the flags last; y (B, T, bits), logits.
    Scores: bits_per_sequence, the cross-entropy of the answer in bits (8 per vector for a blind guess);
    bit_errors, the wrong bits per sequence after thresholding.
    Source: Graves, Wayne and Danihelka 2014, section 4.1; generalisation is judged at lengths 10 to 120.
    """

    goal = Goal("bits_per_sequence", below=0.1)

    def __init__(
        self,
        *,
        bits: Annotated[Count, Field(description="bits per vector")] = 8,
        min_length: Annotated[Count, Field(description="shortest sequence")] = 1,
        max_length: Annotated[Count, Field(description="longest sequence")] = 20,
    ) -> None:
        super().__init__(bits + 2, bits)
        if min_length > max_length:
            raise InvalidOption(f"Copy: min_length = {min_length} must not exceed max_length = {max_length}")
        self.bits, self.min_length, self.max_length = bits, min_length, max_length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a length, then that many random vectors for each sequence."""
        length = int(torch.randint(self.min_length, self.max_length + 1, (), generator=rng))
        vectors = torch.randint(2, (batch_size, length, self.bits), generator=rng).float()
        steps = 2 * length + 2
        x = torch.zeros(batch_size, steps, self.input_size)
        x[:, 0, -2] = 1  # start
        x[:, 1 : length + 1, : self.bits] = vectors
        x[:, length + 1, -1] = 1  # end
        target = torch.zeros(batch_size, steps, self.bits)
        target[:, length + 2 :] = vectors
        mask = torch.zeros(batch_size, steps, dtype=torch.bool)
        mask[:, length + 2 :] = True
        return Batch(x, target, mask, torch.full((batch_size,), steps))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per bit of the answer, in nats."""
        return binary_cross_entropy_with_logits(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return bits_per_sequence and bit_errors, both per sequence."""
        y, target, sequences = y[batch.mask], batch.target[batch.mask], batch.x.shape[0]
        nats = binary_cross_entropy_with_logits(y.double(), target.double(), reduction="sum")
        wrong = ((y > 0) != (target > 0.5)).sum()
        return {
            "bits_per_sequence": Score(float(nats) / math.log(2), sequences),
            "bit_errors": Score(float(wrong), sequences),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probability that each bit is one."""
        return torch.sigmoid(y)

    def perfect(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * (batch.target - 0.5)

    def suite(self) -> Mapping[str, Task]:
        """Return copies of the task at the single lengths 10, 20, 30, 50 and 120."""
        return {f"length-{n}": Copy(bits=self.bits, min_length=n, max_length=n) for n in SUITE_LENGTHS}
