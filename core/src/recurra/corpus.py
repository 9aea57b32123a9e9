"""Which sequences of a finite data set a batch holds; generated tasks draw theirs instead."""

from __future__ import annotations

import functools
import hashlib

import torch
from torch import Tensor

from recurra.task import Split


def rows_of_batch(k: int, *, batch_size: int, seed: int, split: Split, number: int) -> Tensor:
    """Return the rows (B,) of batch k, of a split that has `number` of them.

    Training sees every row once before any comes again, each time in an order that depends on the seed;
    validation and test go through the rows in their order, whatever the seed, and begin again at the end.
    """
    places = torch.arange(k * batch_size, (k + 1) * batch_size)
    turns, rows = places // number, places % number
    if split != "train":
        return rows
    wanted = sorted(set(turns.tolist()))
    return torch.cat([_order(seed, turn, number)[rows[turns == turn]] for turn in wanted])


@functools.lru_cache(maxsize=4)
def _order(seed: int, turn: int, number: int) -> Tensor:
    """Return the order (number,) of one turn. Kept, since all batches of a turn ask for it."""
    digest = hashlib.blake2b(f"{seed}:{turn}".encode(), digest_size=8).digest()
    rng = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
    return torch.randperm(number, generator=rng)
