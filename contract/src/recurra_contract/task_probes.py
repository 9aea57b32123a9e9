"""What the checks of tasks draw and compare."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.errors import IncompatibleParts
from recurra.task import Batch, Score, Split, SupervisedTask, Task
from recurra_contract.fingerprints import content
from recurra_contract.kit import CheckFailed, Skip

SIZE, SEED = 4, 7


def draw(
    task: Task, k: int = 0, *, batch_size: int = SIZE, seed: int = SEED, split: Split = "train"
) -> Batch:
    """Return a batch as the checks draw it."""
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def supervised(task: Task) -> SupervisedTask:
    """Return a task that has targets.

    Raises:
        Skip: It has none.
    """
    try:
        return task.supervised()
    except IncompatibleParts as error:
        raise Skip(str(error)) from None


def guess(x: Tensor, output_size: int) -> Tensor:
    """Return outputs (B, T, O) of a network that knows nothing."""
    return torch.randn(*x.shape[:2], output_size, generator=torch.Generator().manual_seed(SEED))


def answered(task: SupervisedTask) -> tuple[Batch, Tensor]:
    """Draw a batch, and outputs (B, T, O) of a network that knows nothing."""
    batch = draw(task)
    return batch, guess(batch.x, task.output_size)


def blind_scores(task: Task) -> Mapping[str, Score]:
    """Return the scores of a network that knows nothing."""
    found = task.evaluate(lambda x, state, lengths: (guess(x, task.output_size), state), draw(task))
    scores = found.scores
    expect(isinstance(scores, Mapping) and len(scores) > 0, "scores must return at least one score")
    return scores


def with_suite(task: Task) -> list[tuple[str, Any]]:
    """Return the task and every variant of its suite, by name."""
    return [("training", task), *task.suite().items()]


def inside(batch: Batch) -> Tensor:
    """Return which steps (B, T) lie within the length of their row."""
    return torch.arange(batch.mask.shape[1]) < batch.lengths[:, None]


def generator_states() -> dict[str, Any]:
    """Return the state of every global generator, comparable by `==`."""
    numpy = str(np.random.get_state(legacy=False))
    return {"torch": torch.get_rng_state().tolist(), "random": random.getstate(), "numpy": numpy}


def same_bytes(one: Batch, other: Batch) -> bool:
    """Tell whether two batches are the same to the bit."""
    return all(content(a) == content(b) for a, b in zip(one, other, strict=True))


def expect_same(one: Batch, other: Batch, what: str) -> None:
    """Demand that two batches are the same to the bit."""
    for name, a, b in zip(Batch._fields, one, other, strict=True):
        expect(content(a) == content(b), f"{name} differs in {what}")


def close(one: Score, other: Score) -> bool:
    """Tell whether two scores are the same but for rounding."""
    return all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(one, other, strict=True))


def expect(holds: bool, otherwise: str) -> None:
    """Demand something, or say what is wrong."""
    if not holds:
        raise CheckFailed(otherwise)
