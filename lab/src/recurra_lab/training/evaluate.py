"""Scores of a model on a task: a pure function of the weights, the seed and the split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from recurra.capabilities.environment import Environment
from recurra.cell import Network
from recurra.task import Batch, Score, Split, Task
from recurra_lab.training.batches import Batches

Scores = dict[str, Score]
Baselines = Mapping[str, Mapping[str, Mapping[str, float]]]


def evaluate(
    model: Network,
    data: Batches,
    batches: int,
    interrupted: Callable[[], bool] = lambda: False,
) -> Scores | None:
    """Score a model on the first batches of a split, or return None when interrupted between two of them."""
    device = next(model.parameters()).device
    total: Scores = {}
    state: Any = None
    with torch.no_grad(), evaluation_mode(model):
        for k in range(batches):
            if interrupted():
                return None
            batch = Batch(*(part.to(device) for part in data[k]))
            if isinstance(data.task, Environment):
                scores = play(model, data.task, batch)
            else:
                before = state if data.continues_previous(k) else None
                y, state = model(batch.x, before, lengths=batch.lengths)
                scores = data.task.scores(y, batch)
            for name, score in scores.items():
                total[name] = total.get(name, Score(0, 0)) + score
    return total


def play(model: Network, task: Environment, batch: Batch) -> dict[str, Score]:
    """Score a model on the episodes of a batch."""
    like = next(model.parameters())

    def policy(seen: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = model(seen[:, None].to(like), state)
        return y[:, 0], state

    returns = task.play(policy, None, batch.target[:, 0].tolist())
    return {"return": Score(float(returns.sum()), len(returns))}


def evaluate_suite(
    model: Network, task: Task, *, batches: int, batch_size: int, seed: int, split: Split = "test"
) -> Mapping[str, dict[str, float]]:
    """Score a model on every variant of the task's suite: variant -> score -> value."""
    table = {}
    for variant, variant_task in task.suite().items():
        data = Batches(variant_task, batch_size, seed, split, rank=0, ranks=1)
        scores = evaluate(model, data, batches) or {}
        table[variant] = {name: score.value for name, score in scores.items()}
    return table


def suite_baselines(task: Task) -> Baselines:
    """Return what simple predictors score on every variant: variant -> predictor -> score -> value."""
    return {variant: variant_task.baselines() for variant, variant_task in task.suite().items()}


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation for a while, and back to what it was."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
