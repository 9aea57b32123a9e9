"""Tasks around other tasks, each of which changes one thing, for the checks of trainers."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra.capabilities.graphs import GraphTask
from recurra.task import Batch, Score, Split, SupervisedTask, Task


class AlteredTask(SupervisedTask):
    """Does what another task does, unless a subclass says otherwise.

    Args:
        task: The other task; it has targets.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task.input_size, task.output_size)
        self.task = task.supervised()
        self.goal, self.input_kind, self.stream = task.goal, task.input_kind, task.stream

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return the batch."""
        return self.task.batch(k, batch_size=batch_size, seed=seed, split=split)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the loss."""
        return self.task.loss(y, batch)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores."""
        return self.task.scores(y, batch)


class Stream(AlteredTask):
    """Each batch continues the one before, except that every `period` batches the sequences begin anew."""

    def __init__(self, task: Task, period: int) -> None:
        super().__init__(task)
        self.period = period

    def continues_previous(self, k: int, *, batch_size: int, seed: int, split: Split) -> bool:
        """Say so."""
        return k % self.period != 0


class Spoiled(AlteredTask):
    """All inputs and targets are NaN."""

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return the batch, spoiled."""
        batch = super().batch(k, batch_size=batch_size, seed=seed, split=split)
        return batch._replace(x=batch.x * torch.nan, target=batch.target * torch.nan)


class SpoiledGraphs(Spoiled, GraphTask):
    """The same for graphs."""

    def __init__(self, task: GraphTask) -> None:
        super().__init__(task)
        self.graphs, self.features = task, task.features

    def classes(self, batch: Batch) -> Tensor:
        """Return the classes."""
        return self.graphs.classes(batch)

    def region_of(self, batch: Batch) -> Tensor:
        """Return the regions."""
        return self.graphs.region_of(batch)


def spoiled(task: Task) -> Task:
    """Return a task whose inputs and targets are NaN."""
    return SpoiledGraphs(task) if isinstance(task, GraphTask) else Spoiled(task)
