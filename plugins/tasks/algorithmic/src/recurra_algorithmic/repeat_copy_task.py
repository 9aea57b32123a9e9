"""The repeat-copy task: see random bit vectors and a number, then put them out that many times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Score, Task
from recurra_algorithmic.bit_answer import BitAnswer, Bits, Count, blind_references, check_range, cost

SUITE = {"length-10-repeats-10": (10, 10), "length-20-repeats-10": (20, 10), "length-10-repeats-20": (10, 20)}
Length = Annotated[Count, Field(description="maximum length of a sequence of vectors")]
Repeats = Annotated[Count, Field(description="maximum number of repeats")]


class RepeatCopy(BitAnswer):
    """Output a sequence of L random vectors R times, then an end marker.

    The L vectors, a delimiter, the number R on a channel of its own, then L R empty steps on which the
    vectors are due, over and over, and one on which the end marker is due: T = L + L R + 3. L and R are drawn
    uniformly. R is shown as (R − m) / s, where m and s are the mean and deviation of the numbers from 1 to
    `scaled_for`: (R − 5.5) / 2.872.

    Shapes: x (B, T, bits + 2), delimiter and R last; y (B, T, bits + 1), logits, the end marker last.
    Scores: bits_per_sequence, the cross-entropy of vectors and marker in bits; vector_bits_per_sequence, of
    the vectors alone, 242 for a blind guess and 181.5 with bits=6; bit_errors, the wrong bits per sequence
    after thresholding, markers included; marker_errors, the wrong markers per sequence.
    Differs from the paper: the text has vectors of 8 bits, but the published number of weights and the cost
    with which its learning curves start fit 6: bits=6 compares with those. That the number follows the
    delimiter, and that the vector of the last step is not scored, are our readings.
    Source: Graves, Wayne and Danihelka 2014, section 4.2; evaluated at twice the length and the repeats.
    """

    stream = "RepeatCopy"
    goal = Goal("bits_per_sequence", below=0.1)

    def __init__(
        self,
        *,
        bits: Bits = 8,
        min_length: Annotated[Count, Field(description="minimum length of a sequence of vectors")] = 1,
        max_length: Length = 10,
        min_repeats: Annotated[Count, Field(description="minimum number of repeats")] = 1,
        max_repeats: Repeats = 10,
        scaled_for: Annotated[
            Count,
            Field(description="repeat counts from 1 to this are standardized"),
        ] = 10,
    ) -> None:
        super().__init__(bits + 2, bits + 1)
        check_range(self, "min_length", "max_length")
        check_range(self, "min_repeats", "max_repeats")
        self.bits, self.scaled_for = bits, scaled_for
        self.lengths, self.repeats = (min_length, max_length), (min_repeats, max_repeats)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, numbers of repeats, then the vectors."""
        lengths, repeats = (
            torch.randint(least, most + 1, (batch_size,), generator=rng)
            for least, most in (self.lengths, self.repeats)
        )
        longest = int(lengths.max()) if batch_size else self.lengths[0]
        vectors = torch.randint(2, (batch_size, longest, self.bits), generator=rng).float()
        steps = lengths + lengths * repeats + 3
        t = torch.arange(int(steps.max()) if batch_size else 0)
        k = t - (lengths[:, None] + 2)  # (B, T), 0 where the answer starts
        last = k == (lengths * repeats)[:, None]
        due = (k >= 0) & (t < steps[:, None] - 1)
        source = (k % lengths[:, None])[..., None].expand(-1, -1, self.bits)
        answer = vectors.gather(1, source) * due[..., None]
        target = torch.cat([answer, last[..., None].float()], -1)
        return Batch(self._shown(vectors, lengths, repeats, len(t)), target, due | last, steps)

    def _shown(self, vectors: Tensor, lengths: Tensor, repeats: Tensor, steps: int) -> Tensor:
        """Return what is seen: vectors, delimiter, number, then nothing: (B, T, bits + 2)."""
        batch_size, longest, _ = vectors.shape
        x, row = torch.zeros(batch_size, steps, self.input_size), torch.arange(batch_size)
        x[:, :longest, : self.bits] = vectors * (torch.arange(longest) < lengths[:, None])[..., None]
        x[row, lengths, -2] = 1
        x[row, lengths + 1, -1] = (repeats.float() - (self.scaled_for + 1) / 2) / self._deviation()
        return x

    def _deviation(self) -> float:
        """Return the deviation of the numbers from 1 to `scaled_for`; 1 where there is one number only."""
        return math.sqrt((self.scaled_for**2 - 1) / 12) or 1.0

    def scored(self, part: Tensor, batch: Batch) -> Tensor:
        """Return the vectors of the answer and all markers; no vector is due with the end marker."""
        ends = batch.target[..., -1:] > 0.5
        marker = torch.arange(self.output_size, device=ends.device) == self.bits
        return part[batch.mask[..., None] & (~ends | marker)]

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of bits, and those of vectors and markers alone."""
        vectors = batch.mask & (batch.target[..., -1] < 0.5)
        bits = cost(y[vectors][:, :-1], batch.target[vectors][:, :-1])
        wrong = (y[batch.mask][:, -1] > 0) != (batch.target[batch.mask][:, -1] > 0.5)
        return super().scores(y, batch) | {
            "vector_bits_per_sequence": Score(bits, batch.x.shape[0]),
            "marker_errors": Score(float(wrong.sum()), batch.x.shape[0]),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what a blind guess scores, which knows how often an end marker comes, and a right answer."""
        steps = sum(self.lengths) / 2 * sum(self.repeats) / 2  # on which a vector is due
        marker = -(math.log2(1 / (steps + 1)) + steps * math.log2(steps / (steps + 1)))
        bits = self.bits * steps
        found = blind_references(bits)
        found["constant"] = {
            "bits_per_sequence": bits + marker,
            "vector_bits_per_sequence": bits,
            "bit_errors": bits / 2 + 1,
            "marker_errors": 1.0,
        }
        found["optimal"] |= {"vector_bits_per_sequence": 0.0, "marker_errors": 0.0}
        return found

    def suite(self) -> Mapping[str, Task]:
        """Return the largest of training, twice its length, and twice its repeats."""
        return {name: self._single(length, repeats) for name, (length, repeats) in SUITE.items()}

    def _single(self, length: int, repeats: int) -> Task:
        return RepeatCopy(
            bits=self.bits,
            min_length=length,
            max_length=length,
            min_repeats=repeats,
            max_repeats=repeats,
            scaled_for=self.scaled_for,
        )
