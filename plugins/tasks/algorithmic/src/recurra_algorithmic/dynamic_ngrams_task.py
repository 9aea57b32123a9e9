"""The dynamic n-grams task: learn the statistics of a source of bits while it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Score, Task
from recurra_algorithmic.bit_answer import BitAnswer, Count, cost

REFERENCE_ROWS = 4000


class DynamicNgrams(BitAnswer):
    """Predict each next bit of a source whose probabilities are redrawn for every sequence.

    For each of the 32 contexts c of 5 bits, a probability p_c is drawn from Beta(1/2, 1/2). The first 5 bits
    are fair; then every bit is 1 with the probability p_c of the 5 bits before it, 200 bits in all. At step t
    the network sees bit t − 1, and nothing at the first step, and predicts bit t. The optimal estimator is

        P(1 | c) = (N_1 + 1/2) / (N_0 + N_1 + 1)  (9)

    where N_0 and N_1 count the zeros and ones that have followed c so far in the sequence.

    Shapes: x (B, T, 1), y (B, T, 1), logits.
    Scores: bits_per_sequence, the cross-entropy in bits, of which a blind guess needs 200 and the optimal
    estimator 132.7; predictable_bits, the same without the first 5 bits, which cannot be predicted: 195 and
    127.7; excess_bits, how much more is needed than by the optimal estimator on the same sequences;
    bit_errors, the wrong bits per sequence after thresholding.
    Differs from the paper: it defines no success criterion; here solved means less than 2 bits of excess,
    which the networks with a memory reach in its figure and the LSTM does not.
    Source: Graves, Wayne and Danihelka 2014, section 4.4.
    """

    stream = "DynamicNgrams"
    causal = True
    goal = Goal("excess_bits", below=2)

    def __init__(
        self,
        *,
        context: Annotated[
            int, Field(gt=0, le=10, description="number of previous bits on which the next one depends")
        ] = 5,
        length: Annotated[Count, Field(description="bits per sequence")] = 200,
    ) -> None:
        super().__init__(1, 1)
        if length <= context:
            raise InvalidOption(f"DynamicNgrams: length = {length} must be greater than context = {context}")
        self.context, self.length = context, length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a source for each sequence, and its bits."""
        bits = self.bits_of(self.source(batch_size, rng), rng)
        target = bits.to(torch.get_default_dtype())[..., None]
        x = torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], 1)
        mask = torch.ones(bits.shape, dtype=torch.bool)
        return Batch(x, target, mask, torch.full((batch_size,), self.length))

    def source(self, batch_size: int, rng: torch.Generator) -> Tensor:
        """Draw the probability of a one after each context, from Beta(1/2, 1/2): (B, 2^context), float64."""
        # The inverse of its distribution function, which is that of the arcsine law.
        chance = torch.rand(batch_size, 2**self.context, generator=rng, dtype=torch.float64)
        return torch.sin(math.pi / 2 * chance).square()

    def bits_of(self, source: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the bits (B, T) of sources (B, 2^context)."""
        fair = torch.randint(2, (len(source), self.context), generator=rng)
        chance = torch.rand(len(source), self.length, generator=rng, dtype=torch.float64)
        number = self._number(list(fair.unbind(1)))[:, 0]
        # In Python, whose numbers cost less than tensors of one number a sequence.
        later = map(_bits_after, number.tolist(), source.tolist(), chance[:, self.context :].tolist())
        return torch.cat([fair, torch.tensor(list(later))], 1)

    def _number(self, last: list[Tensor]) -> Tensor:
        """Return the number (B, 1) of a context: its bits read as a binary number, the oldest first."""
        number = torch.zeros_like(last[0])
        for bit in last:
            number = 2 * number + bit
        return number[:, None]

    def estimate(self, batch: Batch) -> Tensor:
        """Return the output of the optimal estimator, the log-odds of each bit being one: (B, T, 1)."""
        bits = batch.target[..., 0].long()
        seen = torch.zeros(len(bits), 2 * 2**self.context, dtype=torch.float64, device=bits.device)
        odds = [torch.zeros(len(bits), 1, dtype=torch.float64, device=bits.device)] * self.context
        for t in range(self.context, bits.shape[1]):
            place = 2 * self._number(list(bits[:, t - self.context : t].unbind(1)))
            zeros, ones = seen.gather(1, place), seen.gather(1, place + 1)
            odds.append(torch.log((ones + 0.5) / (zeros + 0.5)))  # (9)
            seen = seen.scatter_add(1, place + bits[:, t, None], torch.ones_like(zeros))
        return torch.stack(odds, 1)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of bits, predictable_bits and excess_bits, all per sequence."""
        found = super().scores(y, batch)
        total, rows = found["bits_per_sequence"]
        start = cost(y[:, : self.context], batch.target[:, : self.context])
        least = cost(self.estimate(batch), batch.target)
        return found | {
            "predictable_bits": Score(total - start, rows),
            "excess_bits": Score(total - least, rows),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the optimal estimator scores on 4,000 sequences of seed 0, and a blind guess there."""
        batch = self.sample(REFERENCE_ROWS, torch.Generator().manual_seed(0))
        optimal = {name: score.value for name, score in self.scores(self.estimate(batch), batch).items()}
        constant = {
            "bits_per_sequence": float(self.length),
            "predictable_bits": float(self.length - self.context),
            "excess_bits": self.length - optimal["bits_per_sequence"],
            "bit_errors": self.length / 2,
        }
        return {"constant": constant, "optimal": optimal}

    def suite(self) -> Mapping[str, Task]:
        """Return sequences of 200 bits, as in the paper."""
        return {"length-200": DynamicNgrams(context=self.context, length=200)}


def _bits_after(number: int, source: list[float], chances: list[float]) -> list[bool]:
    """Return the bits of one sequence that follow its first context."""
    bits = []
    for chance in chances:
        bit = chance < source[number]
        number = (2 * number + bit) % len(source)
        bits.append(bit)
    return bits
