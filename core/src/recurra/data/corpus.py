"""Tasks of a finite data set: which sequences a batch holds. Generated tasks draw theirs instead."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from recurra.rng import generator_of
from recurra.task import Batch, Split, SupervisedTask, Task


class Corpus(SupervisedTask):
    """A task whose sequences are in memory, numbered within each split.

    Training visits every sequence once per epoch, in an order that depends on the seed and the epoch;
    validation and test visit them in their order, whatever the seed, and start over at the end.
    """

    synthetic: bool = False
    """Whether the sequences are a sample that is there to try the task; the name of the suite says so."""

    @abc.abstractmethod
    def count(self, split: Split) -> int:
        """Return how many sequences a split has."""

    @abc.abstractmethod
    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return the sequences of a split with the numbers (B,) as a batch."""

    def epoch_order(self, split: Split, epoch: int, seed: int) -> Tensor:
        """Return the order (count,) in which an epoch, counted from 0, goes through a split."""
        number = self.count(split)
        return _shuffled(seed, epoch, number) if split == "train" else torch.arange(number)

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return global batch k of a split; the seed affects training only."""
        rows = torch.arange(k * batch_size, (k + 1) * batch_size)
        number = self.count(split)
        epochs, places = rows // number, rows % number
        for epoch in sorted(set(epochs.tolist())):
            here = epochs == epoch
            rows[here] = self.epoch_order(split, epoch, seed)[places[here]]
        return self.gather(split, rows)

    def suite(self) -> Mapping[str, Task]:
        """Return the task itself, under a name that says whether its sequences are synthetic."""
        return {"synthetic-sample" if self.synthetic else "test": self}


@functools.lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, number: int) -> Tensor:
    """Return the order (number,) of one epoch of training. Kept, since all its batches ask for it."""
    return torch.randperm(number, generator=generator_of(seed, epoch))
