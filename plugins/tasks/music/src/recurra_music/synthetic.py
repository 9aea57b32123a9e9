"""Made-up pieces, so that the task can be tried without a file: four chords, held or broken, and a melody."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from recurra import Ragged, Split
from recurra_music.rolls import NOTES, Splits, ended

CHORDS = torch.tensor([[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16]])
"""Semitones above the key: tonic, subdominant, dominant and relative minor."""
BAR = 4
NUMBERS: Mapping[Split, int] = {"train": 24, "validation": 8, "test": 8}


@functools.cache
def synthetic() -> Splits:
    """Return a few pieces for each split, of 16 to 48 steps."""
    rng = torch.Generator().manual_seed(0)
    return {split: _joined([_piece(rng) for _ in range(number)]) for split, number in NUMBERS.items()}


def _joined(pieces: list[Tensor]) -> Ragged:
    return ended(torch.cat(pieces), [len(piece) for piece in pieces])


def _piece(rng: torch.Generator) -> Tensor:
    """Return a piece (T, 88): a chord for every bar, and at every step a note of it two octaves above."""
    bars, key = (int(torch.randint(*span, (1,), generator=rng)) for span in ((4, 13), (20, 32)))
    steps = BAR * bars
    chords = CHORDS[torch.randint(len(CHORDS), (bars,), generator=rng)].repeat_interleave(BAR, 0) + key
    voice = torch.randint(3, (steps, 1), generator=rng)
    roll = torch.zeros(steps, NOTES, dtype=torch.uint8)
    return roll.scatter(1, chords, 1).scatter(1, chords.gather(1, voice) + 24, 1)
