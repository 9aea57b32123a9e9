"""How fit networks are that run side by side: by a task's loss or score, or by what they do in it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from recurra import Batch, Network, Task, map_state
from recurra_lab import RunsPopulations, Weights, goal_scores, losses, run_each


def fitness(model: Network, task: Task, weights: Weights, batch: Batch, state: Any, by: str) -> Tensor:
    """Return the fitness (P,) of stacked weights, more being better; what is not finite is −∞.

    Args:
        model: The architecture.
        task: What is to be done.
        weights: Name -> (P, ...).
        batch: Sequences or seeds, the same for every network.
        state: Where all start, or None.
        by: `loss` or `score`; always the score where a task runs the networks itself, as environments do.
    """
    sign = 1 if task.goal.above is not None else -1
    if isinstance(task, RunsPopulations):
        population, size = partial(run_each, model, weights), len(next(iter(weights.values())))
        value = sign * task.run_population(population, size, batch)
    else:
        supervised = task.supervised()
        y = _outputs(model, weights, batch, state)
        value = -losses(supervised, y, batch) if by == "loss" else sign * goal_scores(supervised, y, batch)
    return value.double().cpu().nan_to_num(-torch.inf, -torch.inf, -torch.inf)


def _outputs(model: Network, weights: Weights, batch: Batch, state: Any) -> Tensor:
    if state is None:
        return run_each(model, weights, batch.x, lengths=batch.lengths)[0]
    count = len(next(iter(weights.values())))

    def repeated(part: Tensor) -> Tensor:
        return part.expand(count, *part.shape)

    return run_each(model, weights, repeated(batch.x), map_state(repeated, state), batch.lengths)[0]
