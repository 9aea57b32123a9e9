"""How a long text is read: as B streams side by side, window by window, each window where the last ended."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from recurra import Split

MOST_SKIPPED = 99


class Streams(NamedTuple):
    """The reading of a text of which `predicted` symbols, all but the first, can be predicted.

    Args:
        predicted: How many.
        rows: B, the streams.
        window: Most symbols that are read of each at once.
        skipped: Most symbols that are left out at the beginning, in training: how many, changes from pass to
            pass, so that windows begin elsewhere in each.
    """

    predicted: int
    rows: int
    window: int
    skipped: int

    @property
    def length(self) -> int:
        """How many symbols of each stream are predicted in a pass."""
        return max(1, (self.predicted - self.skipped) // self.rows)

    @property
    def windows(self) -> int:
        """How many windows a pass has; the last may be shorter than the others."""
        return -(-self.length // self.window)

    def places(self, k: int, seed: int) -> Tensor:
        """Return which symbols window k reads: (B, T). Of more streams than symbols, some read the same."""
        turn, at = divmod(k, self.windows)
        first = _skipped(self.skipped, seed, turn) + self.window * at
        steps = min(self.window, self.length - self.window * at)
        starts = first + self.length * torch.arange(self.rows)
        return (starts[:, None] + torch.arange(steps)) % self.predicted


def streams(predicted: int, rows: int, window: int, split: Split) -> Streams:
    """Return how a split is read; in training fewer than 100 symbols are skipped, and than a tenth of all."""
    return Streams(predicted, rows, window, min(MOST_SKIPPED, predicted // 10) if split == "train" else 0)


def _skipped(most: int, seed: int, turn: int) -> int:
    digest = hashlib.blake2b(f"{seed}:{turn}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (most + 1)
