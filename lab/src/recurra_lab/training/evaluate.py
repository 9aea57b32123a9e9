"""Evaluation of a model on a task: a pure function of the weights, the seed and the split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Network
from recurra.task import Batch, Predictor, Score, Split, Task
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
    weights = next(model.parameters())
    total: Scores = {}
    state: Any = None
    with torch.no_grad(), evaluation_mode(model):
        for k in range(batches):
            if interrupted():
                return None
            batch = batch_for(weights, data[k])
            before = state if data.continues_previous(k) else None
            found = data.task.evaluate(in_full_precision(model), batch, before)
            state = found.state
            for name, score in found.scores.items():
                total[name] = total.get(name, Score(0, 0)) + score
    return total


def evaluate_suite(
    model: Network,
    task: Task,
    *,
    batches: int,
    batch_size: int,
    seed: int,
    split: Split = "test",
    before_batch: Callable[[], Any] = lambda: None,
) -> Mapping[str, dict[str, float]]:
    """Evaluate a model on every variant of the task's suite: variant -> score -> value.

    What `before_batch` raises ends the evaluation.
    """
    table = {}
    for variant, variant_task in task.suite().items():
        data = Batches(variant_task, batch_size, seed, split, rank=0, ranks=1)
        scores = evaluate(model, data, batches, lambda: bool(before_batch())) or {}
        table[variant] = {name: score.value for name, score in scores.items()}
    return table


def suite_baselines(task: Task) -> Baselines:
    """Return the scores of simple baselines on every variant: variant -> predictor -> score -> value."""
    return {variant: variant_task.baselines() for variant, variant_task in task.suite().items()}


def batch_for(weights: Tensor, batch: Batch) -> Batch:
    """Return a batch on the device of the weights, in their precision or float32, whichever is higher."""
    return Batch(*(_at_least(part.to(weights.device), weights.dtype) for part in batch))


def in_full_precision(model: Network) -> Predictor:
    """Return a model as a function of such a batch, whose outputs are in the precision of the batch.

    Scores are sums over many steps, which 16 bits cannot hold exactly.
    """
    weights = next(model.parameters())

    def predict(x: Tensor, state: Any, *, lengths: Tensor | None) -> tuple[Tensor, Any]:
        y, after = model(as_input(x, weights), state, lengths=lengths)
        return _at_least(y, torch.float32), after

    return predict


def as_input(x: Tensor, weights: Tensor) -> Tensor:
    """Return x on the device of the weights and, unless it holds tokens, in their precision."""
    return x.to(weights) if x.is_floating_point() else x.to(weights.device)


def _at_least(values: Tensor, dtype: torch.dtype) -> Tensor:
    if not values.is_floating_point():
        return values
    return values.to(torch.promote_types(values.dtype, torch.promote_types(dtype, torch.float32)))


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation mode, and restore its mode on exit."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
