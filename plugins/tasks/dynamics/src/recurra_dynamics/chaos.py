"""Chaotic systems: predicted one step ahead, and run freely for as long as that is right."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Evaluation, Goal, InvalidOption, Predictor, Score, Split, SupervisedTask
from recurra_dynamics.trajectory import Flow, Point, trajectory

SETTLE, SAMPLES, SUBSTEPS = 1000, 10_000, 10
PARTS: Mapping[Split, tuple[int, int]] = {
    "train": (0, 6000),
    "validation": (6000, 8000),
    "test": (8000, SAMPLES),
}
"""The samples of each split; no row crosses from one to the next."""

VALID_ERROR = 0.4
"""A free run is valid while its error, in standard deviations, is at most this."""

Steps = Annotated[int, Field(gt=1, le=1000, description="T, steps of a row")]
WarmUp = Annotated[int, Field(gt=0, description="initial steps, not scored, before a free run starts")]


class Chaos(SupervisedTask):
    """Prediction of a chaotic system of three equations; subclasses state the equations.

    The system is integrated by the Runge-Kutta method of fourth order with a tenth of the sampling interval.
    After 1,000 samples that are left out, 6,000 are for training, 2,000 for validation and 2,000 for test; a
    row is a random window of one of these. Columns are scaled to mean 0 and standard deviation 1 in training.

    In evaluation the network also runs freely: after the warm-up it reads its own outputs. The run is valid
    while the root mean square of the three errors is at most 0.4 standard deviations, at most to the end of
    the row; its length is given in Lyapunov times, in which errors grow by a factor of e.

    Shapes: x (B, T, 3), y (B, T, 3), the next point.
    Scores: squared_error, as a share of the variance in training; in evaluation valid_lyapunov_times, the
    mean over rows.

    Attributes:
        first: Where the trajectory starts.
        interval: The time between two samples.
        exponent: The largest Lyapunov exponent, per unit of time.
    """

    causal = True
    first: ClassVar[Point]
    interval: ClassVar[float]
    exponent: ClassVar[float]

    def __init__(self, flow: Flow, steps: int, warm_up: int) -> None:
        super().__init__(3, 3)
        if warm_up >= steps:
            told = f"warm_up = {warm_up} must be less than steps = {steps}"
            raise InvalidOption(f"{type(self).__name__}: {told}")
        self.steps, self.warm_up = steps, warm_up
        points = torch.tensor(_points(flow, self.first, self.interval), dtype=torch.float64)
        first, end = PARTS["train"]
        deviation, self.mean = torch.std_mean(points[first:end], 0, correction=0)
        if not bool((deviation > 1e-3).all()):
            raise InvalidOption(f"{type(self).__name__}: the system settles with these parameters")
        self.series = (points - self.mean) / deviation

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return random windows of a split."""
        starts = self._starts(split)
        drawn = torch.randint(len(starts), (batch_size,), generator=self.generator(k, seed=seed, split=split))
        return self._windows(starts.start + drawn)

    def _starts(self, split: Split) -> range:
        first, end = PARTS[split]
        return range(first, end - self.steps)

    def _windows(self, starts: Tensor) -> Batch:
        """Return the windows that start at these samples (B,)."""
        places = starts[:, None] + torch.arange(self.steps)
        shown = self.series.to(torch.get_default_dtype())
        mask = (torch.arange(self.steps) >= self.warm_up).repeat(len(starts), 1)
        lengths = torch.full((len(starts),), self.steps)
        return Batch(shown[places], shown[places + 1], mask, lengths)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error of the scaled values."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error."""
        wrong = y[batch.mask].double() - batch.target[batch.mask].double()
        return {"squared_error": Score(float(wrong.square().sum()), wrong.numel())}

    def oracle(self, batch: Batch) -> Tensor:
        """Return the targets."""
        return batch.target

    def evaluate(self, network: Predictor, batch: Batch, state: Any = None) -> Evaluation:
        """Compare predictions one step ahead, and a free run after the warm-up, with the system."""
        found = super().evaluate(network, batch, state)
        with torch.no_grad():
            free = self.free_run(network, batch, state)
        valid = self.valid_times(free, batch.target[:, self.warm_up - 1 : -1])
        scores = {**found.scores, "valid_lyapunov_times": Score(float(valid.sum()), len(valid))}
        return Evaluation(found.loss, scores, found.state)

    def free_run(self, network: Predictor, batch: Batch, state: Any = None) -> Tensor:
        """Return what a network predicts when it reads its own outputs: (B, T − warm_up, 3)."""
        y, state = network(batch.x[:, : self.warm_up], state, lengths=None)
        points = [y[:, -1:]]
        for _ in range(self.steps - self.warm_up - 1):
            y, state = network(points[-1], state, lengths=None)
            points.append(y[:, -1:])
        return torch.cat(points, 1)

    def valid_times(self, free: Tensor, true: Tensor) -> Tensor:
        """Return how long free runs are valid, in Lyapunov times: (B, n, 3), (B, n, 3) -> (B,)."""
        error = (free.double() - true.double()).square().mean(-1).sqrt()
        valid = (error <= VALID_ERROR).double().cumprod(1).sum(1)  # NaN is not valid
        return valid * (self.interval * self.exponent)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the mean, the last point and the system itself score over all windows of the test."""
        starts = self._starts("test")
        batch = self._windows(torch.arange(starts.start, starts.stop))
        last = batch.x[:, self.warm_up - 1 : self.warm_up]
        frozen = {"constant": torch.zeros_like(last), "persistence": last}
        answers = {"constant": torch.zeros_like(batch.x), "persistence": batch.x}
        true = batch.target[:, self.warm_up - 1 : -1]
        longest = (self.steps - self.warm_up) * self.interval * self.exponent
        return {
            **{
                name: {
                    "squared_error": self.scores(y, batch)["squared_error"].value,
                    "valid_lyapunov_times": float(self.valid_times(frozen[name], true).mean()),
                }
                for name, y in answers.items()
            },
            "optimal": {"squared_error": 0.0, "valid_lyapunov_times": longest},
        }


@functools.cache
def _points(flow: Flow, first: Point, interval: float) -> list[Point]:
    return trajectory(flow, first, interval=interval, substeps=SUBSTEPS, settle=SETTLE, samples=SAMPLES)


def _lorenz(x: float, y: float, z: float) -> Point:
    return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z


def _rossler(x: float, y: float, z: float) -> Point:
    return -y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)


class Lorenz(Chaos):
    """Predict the Lorenz system, one step ahead and running freely.

        dx/dt = 10 (y − x);   dy/dt = x (28 − z) − y;   dz/dt = x y − 8/3 z

    Sampled every 0.05 units of time, from (1, 1, 1). The largest Lyapunov exponent is 0.9056, so the free run
    of 200 steps takes 9.06 Lyapunov times.
    Rows are windows of 10,000 samples: 6,000 for training, 2,000 each for validation and test. Columns have
    mean 0 and standard deviation 1 in training.

    Shapes: x (B, T, 3), y (B, T, 3), the next point.
    Scores: squared_error, as a share of the variance; in evaluation also valid_lyapunov_times, how long the
    network stays within 0.4 standard deviations when it reads its own outputs after the warm-up.
    Goal: a squared_error below 1e-4, a criterion of our own.
    Source: Lorenz 1963, "Deterministic nonperiodic flow"; exponent: Sprott 2003, "Chaos and time-series
    analysis"; valid time: Pathak et al. 2018.
    """

    stream = "Lorenz"
    goal = Goal("squared_error", below=1e-4)
    first, interval, exponent = (1.0, 1.0, 1.0), 0.05, 0.9056

    def __init__(self, *, steps: Steps = 300, warm_up: WarmUp = 100) -> None:
        super().__init__(_lorenz, steps, warm_up)


class Rossler(Chaos):
    """Predict the Rössler system, one step ahead and running freely.

        dx/dt = −y − z;   dy/dt = x + 0.2 y;   dz/dt = 0.2 + z (x − 5.7)

    Sampled every 0.5 units of time, from (1, 1, 1). The largest Lyapunov exponent is 0.0714, so the free run
    of 200 steps takes 7.14 Lyapunov times.
    Rows are windows of 10,000 samples: 6,000 for training, 2,000 each for validation and test. Columns have
    mean 0 and standard deviation 1 in training.

    Shapes: x (B, T, 3), y (B, T, 3), the next point.
    Scores: squared_error, as a share of the variance; in evaluation also valid_lyapunov_times, how long the
    network stays within 0.4 standard deviations when it reads its own outputs after the warm-up.
    Goal: a squared_error below 1e-4, a criterion of our own.
    Source: Rössler 1976, "An equation for continuous chaos"; exponent: Sprott 2003, "Chaos and time-series
    analysis"; valid time: Pathak et al. 2018.
    """

    stream = "Rossler"
    goal = Goal("squared_error", below=1e-4)
    first, interval, exponent = (1.0, 1.0, 1.0), 0.5, 0.0714

    def __init__(self, *, steps: Steps = 300, warm_up: WarmUp = 100) -> None:
        super().__init__(_rossler, steps, warm_up)
