"""How fit networks are that lie side by side: by a task's loss or score, or by episodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra import Batch, Environment, Network, Task, map_state
from recurra_lab import Weights, losses, run_each


def fitness(model: Network, task: Task, weights: Weights, batch: Batch, state: Any, by: str) -> Tensor:
    """Return the fitness (P,) of stacked weights, more being better; what is not finite is −∞.

    Args:
        model: The architecture.
        task: What is to be done.
        weights: Name -> (P, ...).
        batch: Sequences or seeds, the same for every network.
        state: Where all start, or None.
        by: `loss` or `score`; in an environment it is the mean return.
    """
    if isinstance(task, Environment):
        return _returns(model, task, weights, batch)
    count = len(next(iter(weights.values())))
    x = batch.x
    if state is not None:
        x, state = _repeated(x, count), map_state(lambda leaf: _repeated(leaf, count), state)
    y, _ = run_each(model, weights, x, state, batch.lengths)
    value = -losses(task, y, batch) if by == "loss" else _scores(task, y, batch)
    return value.double().cpu().nan_to_num(-torch.inf, -torch.inf, -torch.inf)


def _repeated(part: Tensor, count: int) -> Tensor:
    return part.expand(count, *part.shape)


def _scores(task: Task, y: Tensor, batch: Batch) -> Tensor:
    sign = 1 if task.goal.above is not None else -1
    found = [sign * task.scores(own, batch)[task.goal.score].value for own in y]
    return torch.tensor(found, dtype=torch.float64)


def _returns(model: Network, task: Environment, weights: Weights, batch: Batch) -> Tensor:
    """Play all networks on all seeds side by side, and return each one's mean."""
    like = next(iter(weights.values()))
    seeds, count = batch.target[:, 0].tolist(), len(like)

    def policy(seen: Tensor, state: Any) -> tuple[Tensor, Any]:
        each = seen.to(like).reshape(count, len(seeds), 1, -1)
        # At first all networks see the same, since they play the same seeds.
        y, state = run_each(model, weights, each[0] if state is None else each, state)
        return y.flatten(0, 2), state

    return task.play(policy, None, seeds * count).reshape(count, -1).mean(1)
