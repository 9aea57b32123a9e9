"""Small pieces, and the files that hold them: .mat as scipy writes it, Parquet as on the Hub."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

NAMES = {"train": "traindata", "validation": "validdata", "test": "testdata"}
NUMBERS = {"train": 5, "validation": 2, "test": 3}


def drawn(number, seed):
    """Return pieces of 2 to 9 steps in which a note sounds now and then."""
    rng = np.random.default_rng(seed)
    return [(rng.random((rng.integers(2, 10), 88)) < 0.05).astype(np.uint8) for _ in range(number)]


def cells(pieces):
    """Return a row of cells, as MATLAB has them."""
    row = np.empty((1, len(pieces)), dtype=object)
    for n, piece in enumerate(pieces):
        row[0, n] = piece
    return row


def _write_mat(path, parts):
    scipy.io.savemat(path, {NAMES.get(split, split): cells(pieces) for split, pieces in parts.items()})
    return path


def notes_of(pieces):
    return [[[int(note) + 21 for note in np.flatnonzero(step)] for step in piece] for piece in pieces]


def _write_parquet(folder, parts):
    """Write a file for each split, one row per piece."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pieces in parts.items():
        pq.write_table(pa.table({"notes": notes_of(pieces)}), folder / f"{split}-00000-of-00001.parquet")


@pytest.fixture
def parts():
    return {split: drawn(number, seed) for seed, (split, number) in enumerate(NUMBERS.items())}


@pytest.fixture
def folder(tmp_path, parts):
    """A folder with the chorales as .mat."""
    path = tmp_path / "mat"
    path.mkdir()
    _write_mat(path / "JSB_Chorales.mat", parts)
    return path


@pytest.fixture
def write_mat():
    return _write_mat


@pytest.fixture
def write_parquet():
    return _write_parquet
