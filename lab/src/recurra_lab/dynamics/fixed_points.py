"""States that a step does not change, or hardly, and what happens near them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recurra_lab.dynamics.step_map import StepMap

RATE, POLISHING = 0.05, 20
MOST_POLISHED = 512
"""Numbers in a state; of more, Newton's method would take minutes."""
ROWS = 256
"""Rows of a Jacobian that are computed at once."""
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
    polish = POLISHING if step.size <= MOST_POLISHED else 0
    sharp = torch.stack([_polished(step, state, x, polish) for state, _ in near])
    counts = torch.tensor([float(count) for _, count in near])
    speeds = (step(sharp, x.expand(len(sharp), -1)) - sharp).norm(dim=1) / size
    slow = speeds <= SLOW
    kept = _clusters(sharp[slow], counts[slow], SAME * size)
    points = [_point(step, state, x, size, count) for state, count in kept]
    return sorted(points, key=lambda point: (point.speed > FIXED, -point.found_from))


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


def _polished(step: StepMap, state: Tensor, x: Tensor, updates: int) -> Tensor:
    """Return a point after Newton's steps, as long as they lower its speed."""
    function = step.at(x)
    speed = function(state) - state
    for _ in range(updates):
        change = torch.eye(len(state), dtype=state.dtype) - jacobian_of(step, state, x)
        solved = torch.linalg.lstsq(change, speed[:, None])
        trial = state + solved.solution[:, 0]
        slower = function(trial) - trial
        if not float(slower.norm()) < float(speed.norm()):
            break
        state, speed = trial, slower
    return state


def jacobian_of(step: StepMap, state: Tensor, x: Tensor) -> Tensor:
    """Return ∂F/∂s at a state (D,): (D, D), several rows at once."""
    unit_vectors = torch.split(torch.eye(len(state), dtype=state.dtype), ROWS)
    return torch.cat([_rows(step, state, x, chosen) for chosen in unit_vectors])


def _rows(step: StepMap, state: Tensor, x: Tensor, chosen: Tensor) -> Tensor:
    states = state.expand(len(chosen), -1).clone().requires_grad_()
    (found,) = torch.autograd.grad(step(states, x.expand(len(chosen), -1)), states, chosen)
    return found


def _point(step: StepMap, state: Tensor, x: Tensor, size: float, count: int) -> FixedPoint:
    values = torch.linalg.eigvals(jacobian_of(step, state, x))
    values = values[values.abs().argsort(descending=True)]
    speed = float((step.at(x)(state) - state).norm()) / size
    output, _ = step.advanced(state[None], x[None])
    return FixedPoint(state, speed, values, count, output[0])
