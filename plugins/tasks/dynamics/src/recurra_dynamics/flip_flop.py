"""The flip-flop: a memory of a few bits, each set by pulses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, GeneratedTask, Goal, Score, Task


class FlipFlop(GeneratedTask):
    """Output, in every channel, the sign of its last pulse.

    x has a pulse of ±1 in a channel with probability `pulses` at every step, and in all channels at the first
    step; it is 0 otherwise. The target is the last pulse of the channel, at every step.

    Shapes: x (B, T, bits), y (B, T, bits).
    Scores: squared_error, per output; wrong_share, the fraction of outputs of the wrong sign.
    Goal: a squared_error below 0.01, a criterion of our own.
    Differs from the paper: pulses last one step, and every channel starts with a pulse, so that its target is
    known from the first step on.
    Source: Sussillo and Barak 2013, "Opening the black box", with three bits.
    """

    stream = "FlipFlop"
    goal = Goal("squared_error", below=0.01)

    def __init__(
        self,
        *,
        bits: Annotated[int, Field(gt=0, description="channels, each of which is one bit")] = 3,
        pulses: Annotated[
            float, Field(gt=0, lt=1, description="probability of a pulse per step and channel")
        ] = 0.1,
        length: Annotated[int, Field(gt=1, description="T, steps of a row")] = 100,
    ) -> None:
        super().__init__(bits, bits)
        self.pulses, self.length = pulses, length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw pulses, and hold them."""
        shape = (batch_size, self.length, self.input_size)
        there = torch.rand(shape, generator=rng) < self.pulses
        there[:, 0] = True
        signs = 2.0 * torch.randint(2, shape, generator=rng) - 1
        last = torch.where(there, torch.arange(self.length)[:, None], 0).cummax(1).values
        mask = torch.ones(batch_size, self.length, dtype=torch.bool)
        return Batch(signs * there, signs.gather(1, last), mask, torch.full((batch_size,), self.length))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error and wrong_share per output."""
        y, target = y[batch.mask].double(), batch.target[batch.mask].double()
        return {
            "squared_error": Score(float((y - target).square().sum()), y.numel()),
            "wrong_share": Score(float(((y > 0) != (target > 0)).sum()), y.numel()),
        }

    def oracle(self, batch: Batch) -> Tensor:
        """Return the targets."""
        return batch.target

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the expected scores of 0, of the input itself (`no-memory`), and of the last pulse."""
        missing = (1 - self.pulses) * (self.length - 1) / self.length  # outputs without a pulse at their step
        return {
            "constant": {"squared_error": 1.0, "wrong_share": 0.5},
            "no-memory": {"squared_error": missing, "wrong_share": missing / 2},
            "optimal": {"squared_error": 0.0, "wrong_share": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return rows of once and of ten times the length."""
        lengths = (self.length, 10 * self.length)
        return {f"length-{n}": type(self)(**{**self.options, "length": n}) for n in lengths}
