"""Tasks of a finite data set: which sequences a batch holds. Generated tasks draw theirs instead."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from recurra.rng import generator_of
from recurra.task import Batch, Split, Task


class Corpus(Task):
    """A task that has its sequences in memory: so many for each split, each with a number.

    Training sees every sequence once before any comes again, each time in an order that depends on the seed;
    validation and test go through them in their order, whatever the seed, and begin again at the end.
    """

    synthetic: bool = False
    """Whether the sequences are a sample that is there to try the task; the name of the suite says so."""

    @abc.abstractmethod
    def count(self, split: Split) -> int:
        """Return how many sequences a split has."""

    @abc.abstractmethod
    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return the sequences of a split with the numbers (B,) as a batch."""

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return the next sequences of a split; the seed matters in training only."""
        number = self.count(split)
        return self.gather(
            split, rows_of_batch(k, batch_size=batch_size, seed=seed, split=split, number=number)
        )

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw sequences of the training split at random."""
        return self.gather("train", torch.randint(self.count("train"), (batch_size,), generator=rng))

    def suite(self) -> Mapping[str, Task]:
        """Return the task itself, under a name that says whether its sequences are made up."""
        return {"synthetic-sample" if self.synthetic else "test": self}


def rows_of_batch(k: int, *, batch_size: int, seed: int, split: Split, number: int) -> Tensor:
    """Return the rows (B,) of batch k, of a split that has `number` of them; see `Corpus`."""
    places = torch.arange(k * batch_size, (k + 1) * batch_size)
    turns, rows = places // number, places % number
    if split != "train":
        return rows
    wanted = sorted(set(turns.tolist()))
    return torch.cat([_order(seed, turn, number)[rows[turns == turn]] for turn in wanted])


@functools.lru_cache(maxsize=4)
def _order(seed: int, turn: int, number: int) -> Tensor:
    """Return the order (number,) of one turn. Kept, since all batches of a turn ask for it."""
    return torch.randperm(number, generator=generator_of(seed, turn))
