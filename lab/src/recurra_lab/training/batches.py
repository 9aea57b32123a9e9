"""Batches by number: batch k is computed, never remembered, so nothing in a loader needs to be saved."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from recurra.task import Batch, Split, Task


class Batches(Dataset[Batch]):
    """Item k holds the rows of one rank of the global batch k.

    Args:
        task: Where batches come from.
        batch_size: Sequences in a global batch.
        seed: The run's seed.
        split: Which of the splits.
        rank: Whose rows.
        ranks: Among how many processes the rows are shared out; 1 gives every process all of them.
    """

    def __init__(self, task: Task, batch_size: int, seed: int, split: Split, rank: int, ranks: int) -> None:
        self.task, self.batch_size, self.seed, self.split = task, batch_size, seed, split
        self.rank, self.ranks = rank, ranks

    def __getitem__(self, k: int) -> Batch:
        batch = self.task.batch(k, batch_size=self.batch_size, seed=self.seed, split=self.split)
        return batch.rows(self.rank, self.ranks)

    def continues_previous(self, k: int) -> bool:
        """Say whether the rows of batch k go on where those of batch k − 1 ended."""
        return self.task.continues_previous(k, batch_size=self.batch_size, seed=self.seed, split=self.split)


class FromPosition(Sampler[int]):
    """Counts for ever from a position that is read when the counting starts."""

    def __init__(self, position: Tensor) -> None:
        self.position = position

    def __iter__(self) -> Iterator[int]:
        k = int(self.position)
        while True:
            yield k
            k += 1


def training_loader(data: Batches, position: Tensor, workers: int) -> DataLoader[Batch]:
    """Return the endless loader of a run: it starts at `position`, with any number of workers in order."""
    return DataLoader(
        data,
        batch_size=None,
        sampler=FromPosition(position),
        num_workers=workers,
        worker_init_fn=_ignore_signals if workers else None,
    )


def _ignore_signals(worker: int) -> None:
    """Leave interruption to the main process, which ends its workers after saving."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
