"""Evaluation of a model on a task: a pure function of the weights, the seed and the split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

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
    """Evaluate a model on the first batches of a split; returns None if interrupted between batches."""
    device = next(model.parameters()).device
    total: Scores = {}
    state: Any = None
    with torch.no_grad(), evaluation_mode(model):
        for k in range(batches):
            if interrupted():
                return None
            batch = Batch(*(part.to(device) for part in data[k]))
            found = data.task.evaluate(model, batch, state if data.continues_previous(k) else None)
            state = found.state
            for name, score in found.scores.items():
                total[name] = total.get(name, Score(0, 0)) + score
    return total


def evaluate_suite(
    model: Network, task: Task, *, batches: int, batch_size: int, seed: int, split: Split = "test"
) -> Mapping[str, dict[str, float]]:
    """Evaluate a model on every variant of the task's suite: variant -> score -> value."""
    table = {}
    for variant, variant_task in task.suite().items():
        data = Batches(variant_task, batch_size, seed, split, rank=0, ranks=1)
        scores = evaluate(model, data, batches) or {}
        table[variant] = {name: score.value for name, score in scores.items()}
    return table


def suite_baselines(task: Task) -> Baselines:
    """Return the scores of simple baselines on every variant: variant -> predictor -> score -> value."""
    return {variant: variant_task.baselines() for variant, variant_task in task.suite().items()}


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation mode, and restore its mode on exit."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
