"""States that a step does not change, or hardly, and what happens near them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recurra_lab.dynamics.step_map import StepMap

RATE, POLISHING = 0.05, 20
SLOW = 1e-3
"""Speed relative to the size of the states, above which a minimum of the speed is not reported."""
FIXED = 1e-6
"""Relative speed below which a point is fixed."""
SAME = 1e-2
"""Distance, relative to the size of the states, below which two points are one."""


@dataclass(frozen=True)
class FixedPoint:
    """A minimum of the speed ‖F(s) − s‖.

    Args:
        state: (D,).
        speed: Relative to the root mean square of the norm of visited states.
        eigenvalues: Of the Jacobian there, (D,) complex, the largest magnitude first.
        found_from: How many starts led there.
        output: What the network puts out there, (O,).
    """

    state: Tensor
    speed: float
    eigenvalues: Tensor
    found_from: int
    output: Tensor

    @property
    def kind(self) -> str:
        """The kind of the point: stable, a saddle, unstable or, where the speed is not zero, slow."""
        if self.speed > FIXED:
            return "slow"
        unstable = int((self.eigenvalues.abs() > 1).sum())
        return "stable" if not unstable else "saddle" if unstable < len(self.eigenvalues) else "unstable"


def fixed_points(step: StepMap, starts: Tensor, x: Tensor, updates: int) -> list[FixedPoint]:
    """Minimise the speed from many states, as Sussillo and Barak 2013 do; slow points come last.

    Adam reduces ½‖F(s) − s‖² of all starts together, and Newton's method sharpens each minimum.

    Args:
        step: The map.
        starts: (n, D), visited states.
        x: (I,), the constant input.
        updates: Of Adam.
    """
    size = float(starts.square().sum(1).mean().sqrt()) or 1.0
    found = _slowest(step, starts, x, updates)
    near = _clusters(found, torch.ones(len(found)), SAME * size)
    sharp = torch.stack([_polished(step, state, x) for state, _ in near])
    counts = torch.tensor([float(count) for _, count in near])
    points = [_point(step, state, x, size, count) for state, count in _clusters(sharp, counts, SAME * size)]
    kept = [point for point in points if point.speed <= SLOW]
    return sorted(kept, key=lambda point: (point.speed > FIXED, -point.found_from))


def _slowest(step: StepMap, starts: Tensor, x: Tensor, updates: int) -> Tensor:
    states = starts.clone().requires_grad_()
    inputs = x.expand(len(starts), -1)
    optimizer = torch.optim.Adam([states], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        (states.grad,) = torch.autograd.grad((step(states, inputs) - states).square().sum() / 2, states)
        optimizer.step()
        schedule.step()
    return states.detach()


def _clusters(states: Tensor, counts: Tensor, distance: float) -> list[tuple[Tensor, int]]:
    """Return a state of each group that lies within a distance of it, and the sum of the group's counts."""
    clusters: list[tuple[Tensor, int]] = []
    while len(states):
        near = (states - states[0]).norm(dim=1) <= distance
        clusters.append((states[0], int(counts[near].sum())))
        states, counts = states[~near], counts[~near]
    return clusters


def _polished(step: StepMap, state: Tensor, x: Tensor) -> Tensor:
    """Return a point after Newton's steps, as long as they lower its speed."""
    function = step.at(x)
    jacobian, speed = jacobian_of(step, state, x), function(state) - state
    for _ in range(POLISHING):
        solved = torch.linalg.lstsq(torch.eye(len(state), dtype=state.dtype) - jacobian, speed[:, None])
        trial = state + solved.solution[:, 0]
        slower = function(trial) - trial
        if not float(slower.norm()) < float(speed.norm()):
            break
        state, speed, jacobian = trial, slower, jacobian_of(step, trial, x)
    return state


def jacobian_of(step: StepMap, state: Tensor, x: Tensor) -> Tensor:
    """Return ∂F/∂s at a state (D,): (D, D)."""
    found: Tensor = torch.autograd.functional.jacobian(step.at(x), state)  # type: ignore[no-untyped-call]
    return found


def _point(step: StepMap, state: Tensor, x: Tensor, size: float, count: int) -> FixedPoint:
    values = torch.linalg.eigvals(jacobian_of(step, state, x))
    values = values[values.abs().argsort(descending=True)]
    speed = float((step.at(x)(state) - state).norm()) / size
    output, _ = step.advanced(state[None], x[None])
    return FixedPoint(state, speed, values, count, output[0])
