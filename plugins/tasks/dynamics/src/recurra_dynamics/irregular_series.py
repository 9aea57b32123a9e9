"""Oscillations observed at irregular times: the next value depends on when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, GeneratedTask, Goal, InvalidOption, Score, Task

Gap = Annotated[float, Field(gt=0)]
Frequencies = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...],
    Field(min_length=1, description="ω of each channel, in radians per unit of time"),
]


class IrregularSeries(GeneratedTask):
    """Predict the next value of oscillations from the last one and the time that has elapsed since.

        v_c(t) = a cos(ω_c t) + b sin(ω_c t),   a and b standard normal, drawn anew for every row and channel
        x = [v(t_n−1), t_n − t_n−1];   the target is v(t_n)

    The gaps t_n − t_n−1 are uniform between `shortest` and `longest`. The last channel of x is the elapsed
    time, as cells with the option `elapsed` = last-channel read it; other cells read it as a number. Two
    observations determine an oscillation, so steps are scored from the second on.

    With ω = ω_c and E the mean over gaps Δ, the expected squared errors of the baselines are 1 for 0
    (`constant`), 2 − 2 E cos ωΔ for the last value (`persistence`), 1 − (E cos ωΔ)² for its best multiple
    without the elapsed time (`no-time`), and 1 − E cos² ωΔ with it (`no-memory`).

    Shapes: x (B, T, C + 1), y (B, T, C).
    Scores: squared_error, per output; the variance of a value is 1.
    Goal: a squared_error below 0.01.
    Source: our own; irregular sampling as in Rubanova, Chen and Duvenaud 2019, "Latent ODEs".
    """

    stream = "IrregularSeries"
    causal = True
    goal = Goal("squared_error", below=0.01)

    def __init__(
        self,
        *,
        frequencies: Frequencies = (1.0, 0.6),
        shortest: Annotated[Gap, Field(description="shortest gap between two observations")] = 0.2,
        longest: Annotated[Gap, Field(description="longest gap between two observations")] = 2.0,
        length: Annotated[int, Field(gt=1, description="T, steps of a row")] = 60,
    ) -> None:
        super().__init__(len(frequencies) + 1, len(frequencies))
        if shortest >= longest:
            told = f"shortest = {shortest} must be less than longest = {longest}"
            raise InvalidOption(f"IrregularSeries: {told}")
        self.frequencies, self.length = frequencies, length
        self.shortest, self.longest = shortest, longest

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw oscillations and gaps."""
        a, b = torch.randn(2, batch_size, 1, self.output_size, generator=rng, dtype=torch.float64)
        share = torch.rand(batch_size, self.length, generator=rng, dtype=torch.float64)
        gaps = (self.shortest + (self.longest - self.shortest) * share).float()
        times = torch.cat([torch.zeros(batch_size, 1), gaps], 1).double().cumsum(1)
        angles = times[..., None] * torch.tensor(self.frequencies, dtype=torch.float64)
        v = (a * torch.cos(angles) + b * torch.sin(angles)).float()
        mask = (torch.arange(self.length) >= 1).repeat(batch_size, 1)
        x = torch.cat([v[:, :-1], gaps[..., None]], -1)
        return Batch(x, v[:, 1:].contiguous(), mask, torch.full((batch_size,), self.length))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error per output."""
        wrong = y[batch.mask].double() - batch.target[batch.mask].double()
        return {"squared_error": Score(float(wrong.square().sum()), wrong.numel())}

    def oracle(self, batch: Batch) -> Tensor:
        """Return the targets."""
        return batch.target

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the expected errors of simple predictors, averaged over the channels."""
        once = [self._mean_cosine(w) for w in self.frequencies]
        twice = [self._mean_cosine(2 * w) for w in self.frequencies]
        errors = {
            "constant": 1.0,
            "persistence": _mean([2 - 2 * c for c in once]),
            "no-time": _mean([1 - c**2 for c in once]),
            "no-memory": _mean([(1 - c) / 2 for c in twice]),  # 1 − cos² = (1 − cos of twice the angle) / 2
            "optimal": 0.0,
        }
        return {name: {"squared_error": error} for name, error in errors.items()}

    def _mean_cosine(self, frequency: float) -> float:
        """Return E cos(ω Δ) over the gaps Δ."""
        low, high = frequency * self.shortest, frequency * self.longest
        return (math.sin(high) - math.sin(low)) / (high - low)

    def suite(self) -> Mapping[str, Task]:
        """Return the task, and gaps that are all as long as the mean."""
        mean = (self.shortest + self.longest) / 2
        regular = type(self)(**{**self.options, "shortest": mean * (1 - 1e-6), "longest": mean * (1 + 1e-6)})
        return {"test": self, "regular": regular}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
