"""What a task's data is, in one line: the same data has the same fingerprint, on every day and machine."""

from __future__ import annotations

import hashlib
from typing import get_args

from torch import Tensor

from recurra.task import Split, Task
from recurra_contract.kit import CheckFailed

BATCHES, BATCH_SIZE = 2, 4


def fingerprint(task: Task) -> str:
    """Return the sha256 of the first batches of every split."""
    digest = hashlib.sha256()
    for split in get_args(Split):
        for k in range(BATCHES):
            for part in task.batch(k, batch_size=BATCH_SIZE, seed=0, split=split):
                digest.update(content(part))
    return digest.hexdigest()


def content(tensor: Tensor) -> bytes:
    """Return a tensor's type, shape and elements as bytes."""
    return f"{tensor.dtype}{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes()


def fingerprints(task: Task) -> dict[str, str]:
    """Return the fingerprint of the training data and of each variant of the suite."""
    return {
        "training": fingerprint(task),
        **{f"suite: {name}": fingerprint(variant) for name, variant in task.suite().items()},
    }


def check_fingerprint(task: Task, expected: str) -> None:
    """Compare a task's data with what it was.

    Raises:
        CheckFailed: The same seed gives other data than when `expected` was noted down.
    """
    found = fingerprint(task)
    if found != expected:
        raise CheckFailed(changed(type(task).__name__, found))


def changed(what: str, found: str) -> str:
    """Say that the data is another, and what to do."""
    return (
        f"{what} gives different data for the same seed (its fingerprint is now {found}); restore it,"
        " or raise the task's `version` and record the new fingerprint"
    )
