"""How much of the gradient of the last scored step reaches the states before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra import Batch, SupervisedTask
from recurra_lab.dynamics.step_map import StepMap


def gradient_norms(step: StepMap, task: SupervisedTask, batch: Batch, lags: int) -> list[float]:
    """Return the norm of ∂L/∂s at the lags 1, 2, ..., the mean over sequences that are so long.

    L is the task's loss at the last scored step of a sequence alone; lag 1 is the state that this step reads.

    Args:
        step: The map.
        task: Whose loss is differentiated.
        batch: Sequences.
        lags: The largest lag.
    """
    norms = [
        _norms(step, task, _row(batch, row), lags) for row in range(len(batch.x)) if batch.mask[row].any()
    ]
    longest = max(map(len, norms), default=0)
    columns = [[row[lag] for row in norms if lag < len(row)] for lag in range(longest)]
    return [sum(column) / len(column) for column in columns]


def _row(batch: Batch, row: int) -> Batch:
    """Return one sequence up to its last scored step, which alone is scored."""
    last = int(batch.mask[row].nonzero()[-1])
    alone = Batch(*(part[row : row + 1] for part in batch)).steps(0, last + 1)
    mask = torch.zeros_like(alone.mask)
    mask[:, last] = True
    return alone._replace(mask=mask)


def _norms(step: StepMap, task: SupervisedTask, batch: Batch, lags: int) -> list[float]:
    vectors = step.vector(step.sequencer.initial_state(1)).requires_grad_()
    outputs: list[Tensor] = []
    states: list[Any] = []
    for x_t in step.inputs(batch).unbind(1):
        y, state = step.advanced(vectors, x_t)
        vectors = step.vector(state)
        states.append(vectors)
        outputs.append(y)
    target = batch.target.double() if batch.target.is_floating_point() else batch.target
    loss = task.loss(torch.stack(outputs, 1), batch._replace(target=target))
    kept = states[-lags - 1 : -1]
    found = torch.autograd.grad(loss, kept, allow_unused=True) if kept else ()
    return [0.0 if part is None else float(part.norm()) for part in reversed(found)]
