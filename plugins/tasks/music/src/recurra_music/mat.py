"""The four sets as they were published with the TCN paper: files of MATLAB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recurra import DamagedFile, Ragged, Split, files
from recurra_music.rolls import REMEDY, Splits, joined

VARIABLES: Mapping[Split, str] = {"train": "traindata", "validation": "validdata", "test": "testdata"}


def read_mat(path: Path) -> Splits:
    """Read traindata, validdata and testdata: cell arrays of pieces, each T x 88.

    Raises:
        DamagedFile: The file cannot be read as .mat, or holds something else.
    """
    # Slow to import, and needed here alone.
    from scipy.io import loadmat

    try:
        found = loadmat(path)
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise files.unreadable(path, ".mat", error, REMEDY) from None
    return {split: _pieces(found, name, path) for split, name in VARIABLES.items()}


def _pieces(found: Mapping[str, Any], name: str, path: Path) -> Ragged:
    if name not in found:
        others = ", ".join(key for key in found if not key.startswith("__")) or "nothing"
        raise DamagedFile(f"{path} has no {name}; it has {others}; {REMEDY}")
    if found[name].dtype != object:
        raise DamagedFile(f"{name} in {path} is not a cell array of pieces; {REMEDY}")
    return joined([np.asarray(piece) for piece in found[name].flatten()], f"{name} in {path}")
