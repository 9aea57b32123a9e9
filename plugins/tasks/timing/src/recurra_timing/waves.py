"""Periodic functions, to be generated without input."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Score, Task
from recurra_timing.stream import NONE, Count, Output, TimedStream, Tolerance

SUITE_PERIODS = (100, 1000)
"""How many periods a stream had in the paper's training, and in its test."""

NO_CHANCE = "the task is one function, the same in every batch"
Wave = Literal["cosine", "triangle", "rectangle"]


class PFG(TimedStream):
    """Generate a periodic function of period F, without an input and without seeing the past target.

        cosine: f(t) = (1 − cos(2 π t / F)) / 2;   triangle: f(t) = 1 − |1 − 2 (t mod F) / F|
        rectangle: f(t) = 1 if t mod F ≥ F / 2, else 0

    The target at the n-th step is f(n), from n = 1. All sequences are the same, so one row is enough.

    Shapes: x (B, T, 1), zeros; y (B, T, 1).
    Scores: failed_share, the share of streams with an error that is not below `tolerance`;
    intervals_before_error, the periods before the first of them; squared_error per step; rmse, the root of
    its mean over a stream, averaged over streams, which is the published measure.
    Differs from the paper: there a training stream ends with the first error or after 100 periods, here after
    `periods`; that the triangle lies between 0 and 1, that the rectangle is high in its second half and that
    no input means an input of zero are our readings.
    Source: Gers, Schraudolph and Schmidhuber 2002, F = 10 and F = 25.
    """

    stream = "PFG"
    goal = Goal("failed_share", below=NONE)
    contract_expected_failures = {
        "check_batches_differ": NO_CHANCE,
        "check_all_randomness_comes_from_rng": NO_CHANCE,
    }

    def __init__(
        self,
        *,
        wave: Annotated[Wave, Field(description="which function to generate")] = "cosine",
        period: Annotated[int, Field(ge=2, description="F, length of a period in steps")] = 10,
        periods: Annotated[Count, Field(description="periods per training stream")] = 10,
        output: Output = "identity",
        tolerance: Tolerance = 0.3,
    ) -> None:
        super().__init__(output, tolerance)
        self.wave: Wave = wave
        self.period, self.periods = period, periods

    def value(self, t: Tensor) -> Tensor:
        """Return f(t), between 0 and 1, for integers t of any shape."""
        phase = (t % self.period).double() / self.period
        waves = {
            "cosine": (1 - torch.cos(2 * math.pi * phase)) / 2,
            "triangle": 1 - (1 - 2 * phase).abs(),
            "rectangle": (phase >= 0.5).double(),
        }
        return waves[self.wave].float()

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Return the function in every row; there is nothing to draw."""
        steps = self.period * self.periods
        target = self.value(torch.arange(1, steps + 1)).expand(batch_size, -1)[..., None].contiguous()
        mask = torch.ones(batch_size, steps, dtype=torch.bool)
        return Batch(torch.zeros_like(target), target, mask, torch.full((batch_size,), steps))

    def passed(self, batch: Batch) -> Tensor:
        """Return 1 at the last step of every period."""
        t = torch.arange(1, batch.mask.shape[1] + 1, device=batch.mask.device)
        return (t % self.period == 0).double().expand(batch.mask.shape)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of timed streams, and rmse per stream."""
        error = (self.predict(y.double()) - batch.target)[..., 0] * batch.mask
        roots = (error.square().sum(1) / batch.mask.sum(1)).sqrt()
        return super().scores(y, batch) | {"rmse": Score(float(roots.sum()), batch.x.shape[0])}

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        if self.output == "identity":
            return batch.target
        return torch.logit(batch.target.clamp(1e-6, 1 - 1e-6))

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the function's mean (`constant`), and the function (`optimal`)."""
        batch = self.sample(1, torch.Generator())
        mean = batch.target.mean()
        answers = {
            "constant": torch.full_like(
                batch.target, float(torch.logit(mean) if self.output == "sigmoid" else mean)
            ),
            "optimal": self.oracle(batch),
        }
        return {name: {s: v.value for s, v in self.scores(y, batch).items()} for name, y in answers.items()}

    def suite(self) -> Mapping[str, Task]:
        """Return streams of 100 periods, as the paper trains, and of 1,000, as it tests."""
        kept: dict[str, Any] = dict(self.options)
        return {f"periods-{n}": PFG(**{**kept, "periods": n}) for n in SUITE_PERIODS}
