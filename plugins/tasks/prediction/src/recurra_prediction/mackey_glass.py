"""The Mackey-Glass series: a delay makes a simple equation chaotic."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Goal, InvalidOption
from recurra_prediction.bits import Count
from recurra_prediction.scaling import scale_of
from recurra_prediction.windows import Cut, Windows

PER_UNIT = 10
"""Steps of integration per unit of time."""

STILL = 1e-3
START, SETTLED, LENGTH = 1.2, 1000, 10_000
SHARES = (6000, 8000)
"""Units of time at which validation and test begin."""


class MackeyGlass(Windows):
    """Predict a chaotic series some steps ahead, at every step after a first few.

        dx/dt = 0.2 x(t − τ) / (1 + x(t − τ)¹⁰) − 0.1 x(t)

    The equation is integrated by the Runge-Kutta method of fourth order with step 0.1, from x = 1.2 at all
    times up to 0, and sampled once per unit of time. The first 1,000 units are left out; of the following
    10,000 the first 6,000 are for training, 2,000 for validation and 2,000 for test. A row is a window of one
    of these.

    Shapes: x (B, steps, 1), y (B, steps, 1): the value `horizon` units later, both scaled to mean 0 and
    standard deviation 1 in training.
    Scores: squared_error, as a share of the variance in training; its root is the NRMSE of the literature.
    Differs from the paper: it studies the equation; predicting its series, 84 or 85 units ahead, became a
    task later. Solved means here an NRMSE below 0.1.
    Source: Mackey and Glass 1977, "Oscillation and chaos in physiological control systems".
    """

    stream = "MackeyGlass"
    causal = True
    goal = Goal("squared_error", below=0.01)

    def __init__(
        self,
        *,
        tau: Annotated[Count, Field(le=1000, description="τ, the delay; chaotic from 17 on")] = 17,
        horizon: Annotated[Count, Field(le=1000, description="prediction horizon in units of time")] = 84,
        steps: Annotated[Count, Field(le=1000, description="length of a row")] = 200,
        warm_up: Annotated[int, Field(ge=0, description="initial steps of a row that are not scored")] = 100,
    ) -> None:
        if warm_up >= steps:
            raise InvalidOption(f"MackeyGlass: warm_up = {warm_up} must be less than steps = {steps}")
        first, second = SHARES
        parts = {"train": (0, first), "validation": (first, second), "test": (second, LENGTH)}
        cut = Cut(steps, (horizon,), steps - warm_up, parts)  # type: ignore[arg-type]
        values = torch.tensor(series(tau), dtype=torch.float64)
        if float(values.std()) < STILL:
            message = f"MackeyGlass: tau = {tau} gives a constant series"
            raise InvalidOption(f"{message}; choose 17 or more")
        scaled = scale_of(values[slice(*parts["train"]), None]).scaled(values[:, None])
        super().__init__(scaled, scaled, [cut])

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the mean and the last value score over the test part."""
        return {"constant": self.constant(), "persistence": self.naive()}


@functools.cache
def series(tau: int) -> tuple[float, ...]:
    """Return LENGTH values, one per unit of time.

    Plain arithmetic in a fixed order gives the same bits on every machine, which matters: the series is
    chaotic, so the last digit of a power that a library rounds in another way would soon make another series.
    """
    h, delay = 1 / PER_UNIT, tau * PER_UNIT
    x = [START] * (delay + 1)
    for n in range((SETTLED + LENGTH) * PER_UNIT):
        now, old, new = x[-1], x[n], x[n + 1]
        a, b, c = _gain(old), _gain((old + new) / 2), _gain(new)
        k1 = a - 0.1 * now
        k2 = b - 0.1 * (now + h / 2 * k1)
        k3 = b - 0.1 * (now + h / 2 * k2)
        k4 = c - 0.1 * (now + h * k3)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return tuple(x[delay + (SETTLED + 1) * PER_UNIT :: PER_UNIT])


def _gain(x: float) -> float:
    square = x * x
    fourth = square * square
    return 0.2 * x / (1 + fourth * fourth * square)
