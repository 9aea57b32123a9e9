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
    L is drawn uniformly for each sequence; shorter ones are padded.

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
