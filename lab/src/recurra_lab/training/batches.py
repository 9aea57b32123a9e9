"""Batches by index: batch k is a pure function of k, so loaders have no state to save."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from recurra.task import Batch, Split, Task
from recurra_lab.training.stop_signals import ignore_in_worker


class Batches(Dataset[Batch]):
    """Item k holds the rows of one rank of the global batch k.

    Args:
        task: The task.
        batch_size: Sequences per global batch.
        seed: The seed of the run.
        split: The split.
        rank: The rank whose rows are returned.
        ranks: Number of processes that share the rows; 1 gives every process all rows.
    """

    def __init__(self, task: Task, batch_size: int, seed: int, split: Split, rank: int, ranks: int) -> None:
        self.task, self.batch_size, self.seed, self.split = task, batch_size, seed, split
        self.rank, self.ranks = rank, ranks

    def __getitem__(self, k: int) -> Batch:
        batch = self.task.batch(k, batch_size=self.batch_size, seed=self.seed, split=self.split)
        return batch.rows(self.rank, self.ranks)

    def continues_previous(self, k: int) -> bool:
        """Return whether the rows of batch k continue those of batch k − 1."""
        return self.task.continues_previous(k, batch_size=self.batch_size, seed=self.seed, split=self.split)


class FromPosition(Sampler[int]):
    """Counts forever from a position that is read when iteration starts."""

    def __init__(self, position: Tensor) -> None:
        self.position = position

    def __iter__(self) -> Iterator[int]:
        k = int(self.position)
        while True:
            yield k
            k += 1


def training_loader(data: Batches, position: Tensor, workers: int) -> DataLoader[Batch]:
    """Return the infinite loader of a run, which starts at `position`; workers do not change the order."""
    return DataLoader(
        data,
        batch_size=None,
        sampler=FromPosition(position),
        num_workers=workers,
        worker_init_fn=ignore_in_worker if workers else None,
    )
