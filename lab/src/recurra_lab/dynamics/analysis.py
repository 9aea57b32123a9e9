"""Everything that is found out about the dynamics of a trained network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from recurra import IncompatibleParts, Network, Task, generator_of
from recurra_lab.dynamics.fixed_points import FixedPoint, fixed_points
from recurra_lab.dynamics.gradients import gradient_norms
from recurra_lab.dynamics.lyapunov import lyapunov_exponents
from recurra_lab.dynamics.step_map import StepMap

Input = Literal["zero", "mean"]


@dataclass(frozen=True)
class Settings:
    """How thoroughly to look.

    Args:
        input: The constant input at which fixed points are sought.
        starts: How many visited states to start from.
        updates: Of the minimisation of the speed.
        sequences: Test sequences that are followed.
        exponents: How many Lyapunov exponents to compute.
        steps: At most so many steps for them.
        lags: The largest lag of the gradient.
    """

    input: Input = "zero"
    starts: int = 64
    updates: int = 1500
    sequences: int = 16
    exponents: int = 5
    steps: int = 1000
    lags: int = 100


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Args:
        size: D, the numbers in a state.
        input: The constant input of the fixed points.
        points: The fixed points, then the slow points; each kind by how many starts led there.
        starts: How many starts there were.
        exponents: The largest Lyapunov exponents, in nats per step.
        gradients: The gradient norm at the lags 1, 2, ...; empty where the task has no targets.
        visited: (n, D), states that were visited, for pictures.
    """

    size: int
    input: Input
    points: Sequence[FixedPoint]
    starts: int
    exponents: Sequence[float]
    gradients: Sequence[float]
    visited: Tensor

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, without the visited states."""
        return {
            "state_size": self.size,
            "input": self.input,
            "starts": self.starts,
            "fixed_points": [_described(point) for point in self.points],
            "lyapunov_exponents": list(self.exponents),
            "gradient_norm_by_lag": list(self.gradients),
        }


def analysed(network: Network, task: Task, seed: int, settings: Settings) -> Analysis:
    """Analyse a trained network on the test sequences of its task.

    Raises:
        IncompatibleParts: The network has no state that can be followed; see `StepMap`.
    """
    step = StepMap(network)
    batch = task.batch(0, batch_size=settings.sequences, seed=seed, split="test")
    states, inputs = step.visited(batch)
    order = torch.randperm(len(states), generator=generator_of(seed, "analyse"))
    chosen = order[: settings.starts]
    at = inputs.mean(0) if settings.input == "mean" else torch.zeros_like(inputs[0])
    driven = step.inputs(batch)
    exponents = lyapunov_exponents(step, driven, batch.lengths, settings.exponents, settings.steps)
    return Analysis(
        step.size,
        settings.input,
        fixed_points(step, states[chosen], at, settings.updates),
        len(chosen),
        exponents.tolist(),
        _gradients(step, task, batch, settings.lags),
        states[chosen],
    )


def _gradients(step: StepMap, task: Task, batch: Any, lags: int) -> list[float]:
    try:
        return gradient_norms(step, task.supervised(), batch, lags)
    except IncompatibleParts:
        return []


def _described(point: FixedPoint) -> dict[str, Any]:
    values = point.eigenvalues
    return {
        "kind": point.kind,
        "speed": point.speed,
        "starts": point.found_from,
        "unstable_directions": int((values.abs() > 1).sum()),
        "eigenvalues": [[float(v.real), float(v.imag)] for v in values],
        "time_constants": [_time_constant(float(v.abs())) for v in values],
        "output": point.output.tolist(),
        "state": point.state.tolist(),
    }


def _time_constant(magnitude: float) -> float:
    """Return the steps in which a deviation shrinks to a share of 1/e; negative where it grows."""
    if magnitude in (0.0, 1.0):
        return 0.0 if magnitude == 0.0 else math.inf
    return -1 / math.log(magnitude)
