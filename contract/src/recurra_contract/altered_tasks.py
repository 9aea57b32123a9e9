"""Tasks around other tasks, each of which changes one thing, for the checks of trainers."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra.capabilities.graphs import GraphTask
from recurra.task import Batch, Score, Split, Task


class AlteredTask(Task):
    """Does what another task does, unless a subclass says otherwise.

    Args:
        task: The other task.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task.input_size, task.output_size)
        vars(self).update(goal=task.goal, gives=task.gives)
        self.task = task

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a batch."""
        return self.task.sample(batch_size, rng)

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

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a batch and spoil it."""
        batch = super().sample(batch_size, rng)
        return batch._replace(x=batch.x * torch.nan, target=batch.target * torch.nan)


class SpoiledGraphs(Spoiled, GraphTask):
    """The same for graphs."""

    task: GraphTask

    def __init__(self, task: GraphTask) -> None:
        super().__init__(task)
        self.features = task.features

    def classes(self, batch: Batch) -> Tensor:
        """Return the classes."""
        return self.task.classes(batch)

    def region_of(self, batch: Batch) -> Tensor:
        """Return the regions."""
        return self.task.region_of(batch)


def spoiled(task: Task) -> Task:
    """Return a task whose inputs and targets are NaN."""
    return SpoiledGraphs(task) if isinstance(task, GraphTask) else Spoiled(task)
