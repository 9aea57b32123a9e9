"""Pairs of a number and a marker, two of them marked: experiments 4 and 5 of the LSTM paper."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch
from recurra_long_lag.coding import last_steps, lengths_from

EARLY = 10
"""The first marked pair is one of the first ten."""

Length = Annotated[int, Field(ge=22, description="T, length of the shortest sequence in pairs")]


class Marked(NamedTuple):
    """Sequences of pairs: x (B, T, 2), number and marker; lengths (B,); the two marked numbers (B, 2)."""

    x: Tensor
    lengths: Tensor
    numbers: Tensor

    def asking(self, answer: Tensor) -> Batch:
        """Return the batch whose target at the last step is `answer` (B,)."""
        mask = last_steps(self.lengths, self.x.shape[1])
        return Batch(self.x, (answer[:, None] * mask)[..., None], mask, self.lengths)


def draw_marked(length: int, batch_size: int, low: float, neutral: float, rng: torch.Generator) -> Marked:
    """Draw sequences as in the paper: one of the first ten pairs is marked, then another of T / 2 − 1.

    Args:
        length: T; lengths are uniform from T to T + T / 10.
        batch_size: Number of sequences.
        low: Numbers are uniform from `low` to 1.
        neutral: Value that replaces the marked number if it is in the first pair, whose marker remains −1.
        rng: The source of all randomness.
    """
    lengths = lengths_from(length, batch_size, rng)
    steps = int(lengths.max()) if batch_size else length
    numbers = low + (1 - low) * torch.rand(batch_size, steps, generator=rng)
    first = torch.randint(EARLY, (batch_size, 1), generator=rng)
    second = torch.randint(length // 2 - 2, (batch_size, 1), generator=rng)
    places = torch.cat([first, second + (second >= first)], 1)  # the second differs from the first
    markers = torch.zeros_like(numbers).scatter(1, places, 1.0)
    markers = torch.where(last_steps(lengths, steps), -1.0, markers)
    markers[:, 0] = -1
    chosen = torch.where(places == 0, neutral, numbers.gather(1, places))
    x = torch.stack([numbers, markers], -1) * (torch.arange(steps) < lengths[:, None])[..., None]
    return Marked(x, lengths, chosen)


def neutral_share(length: int) -> float:
    """Return the fraction of sequences in which the first pair is one of the two marked pairs."""
    return 1 / EARLY + (1 - 1 / EARLY) / (length // 2 - 2)
