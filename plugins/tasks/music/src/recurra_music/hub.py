"""The four sets as Parquet files, in a folder or on the Hub: a piece in each row, as notes step by step."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recurra import DamagedFile, MissingFile, Ragged, Split, files
from recurra_music.rolls import LOWEST, NOTES, REMEDY, Splits, ended

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
COLUMN = "notes"
LAYOUT = "one piece per row, in the column 'notes': for each step the MIDI numbers of its notes, 21 to 108"


@functools.lru_cache(maxsize=4)
def read_hub(name: str, revision: str, collection: str) -> Splits:
    """Read one of the sets, a configuration of a data set on the Hub.

    Raises:
        MissingFile: The Hub cannot be reached, or has no such data set, revision or configuration.
        DamagedFile: What is there is laid out in another way.
    """
    what, remedy = f"{collection} of {name} at revision '{revision}'", f"{REMEDY}, and name their folder"
    found = files.from_hub(what, f"{remedy} in task.folder", name, collection, revision=revision)
    return {split: _part(found, split, what) for split in SPLITS}


def _part(found: Mapping[str, Any], split: Split, what: str) -> Ragged:
    if split not in found:
        raise DamagedFile(f"{what} has no split '{split}', only {', '.join(found)}; name another revision")
    return _pieces([found[split].with_format("arrow")[:]], f"{what} ({split})")


def parquet_files(folder: Path, collection: str, split: Split) -> list[Path]:
    """Return the Parquet files of one split of a set in a folder."""
    return sorted((folder / collection).glob(f"{split}-*.parquet"))


def read_parquet_folder(folder: Path, collection: str) -> Splits:
    """Read `<collection>/train-*.parquet`, `validation-*.parquet` and `test-*.parquet` in a folder.

    Raises:
        MissingFile: There is no file of a split.
        DamagedFile: A file cannot be read as Parquet, or is laid out in another way.
    """
    paths = {split: parquet_files(folder, collection, split) for split in SPLITS}
    lacking = [split for split, found in paths.items() if not found]
    if lacking:
        raise MissingFile(f"{folder / collection} has no {lacking[0]}-*.parquet; put {LAYOUT}, there")
    return {split: files.cached_read(_read_files, *found) for split, found in paths.items()}


def _read_files(*paths: Path) -> Ragged:
    remedy = f"write it again, with {LAYOUT}"
    return _pieces([files.parquet(path, remedy) for path in paths], ", ".join(map(str, paths)))


def _pieces(tables: list[pa.Table], where: str) -> Ragged:
    import pyarrow as pa

    columns = [table[COLUMN] for table in tables if COLUMN in table.column_names]
    if len(columns) < len(tables):
        raise DamagedFile(f"{where} has no column '{COLUMN}'; a data set must have {LAYOUT}")
    try:
        pieces = pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
        return _rolled(pieces.cast(pa.list_(pa.list_(pa.int64()))).combine_chunks(), where)
    except pa.ArrowException:
        raise DamagedFile(
            f"{where} has no lists of lists of numbers; a data set must have {LAYOUT}"
        ) from None


def _rolled(pieces: pa.Array, where: str) -> Ragged:
    """Turn pieces, which are lists of steps, which are lists of notes, into piano rolls."""
    steps = pieces.flatten()
    notes = steps.flatten()
    _check_lists(pieces, bool(pieces.null_count or steps.null_count or notes.null_count), where)
    keys = notes.to_numpy() - LOWEST
    wrong = keys[(keys < 0) | (keys >= NOTES)]
    if len(wrong):
        raise DamagedFile(f"{where} holds the note {wrong[0] + LOWEST}; a data set must have {LAYOUT}")
    values = np.zeros((len(steps), NOTES), np.uint8)
    values[np.repeat(np.arange(len(steps)), steps.value_lengths().to_numpy()), keys] = 1
    return ended(torch.from_numpy(values), pieces.value_lengths().to_pylist())


def _check_lists(pieces: pa.Array, lacking: bool, where: str) -> None:
    if not len(pieces) or lacking:
        message = "a missing value" if len(pieces) else "no piece"
        raise DamagedFile(f"{where} holds {message}; a data set must have {LAYOUT}")
    short = np.flatnonzero(pieces.value_lengths().to_numpy() < 2)
    if len(short):
        message = f"{where} holds a piece of fewer than two steps, the one in row {short[0] + 1}"
        raise DamagedFile(f"{message}; a data set must have {LAYOUT}")
