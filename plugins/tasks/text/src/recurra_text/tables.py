"""Columns of data sets on the Hub, and of Parquet files that are laid out like them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra import DamagedFile, InvalidOption, MissingFile, Split, files

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Columns = list[list[Any]]
PARTS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "dev"),
    "test": ("test",),
}
"""What a split may be called."""
NESTED = "translation"
"""Where data sets of translations keep their columns, one within the other."""


def pinned(task: str, hub: str, revision: str | None) -> str:
    """Return the commit that is loaded.

    Raises:
        InvalidOption: None is named.
    """
    if not revision:
        message = f"{task}: hub = {hub} names a data set that may change"
        raise InvalidOption(f"{message}; set task.revision to the commit to load")
    return revision


@functools.lru_cache(maxsize=4)
def hub_columns(
    name: str,
    revision: str,
    configuration: str | None,
    splits: tuple[Split, ...],
    columns: tuple[str, ...],
    remedy: str,
) -> Mapping[Split, Columns]:
    """Read columns of the splits of a data set on the Hub: split -> column after column.

    Raises:
        MissingFile: The Hub cannot be reached, or has no such data set, revision or configuration.
        DamagedFile: It has no such split or column.
    """
    what = f"{name} at revision '{revision}'"
    named = [name] if configuration is None else [name, configuration]
    found = files.from_hub(
        what, f"{remedy}, and name them in the options of the task", *named, revision=revision
    )
    return {split: _of_split(found, split, columns, what) for split in splits}


def _of_split(found: Mapping[str, Any], split: Split, columns: Sequence[str], what: str) -> Columns:
    part = next((part for part in PARTS[split] if part in found), None)
    if part is None:
        raise DamagedFile(f"{what} has no split '{split}', only {', '.join(found)}; name another revision")
    table = found[part].with_format("arrow")[:]
    return _columns([table], columns, f"{what} ({part})", "name another revision")


def parquet_files(folder: Path, split: Split) -> list[Path]:
    """Return the files of a split, in a folder or one below it: `train-*.parquet`."""
    named = (f"{part}{end}" for part in PARTS[split] for end in (".parquet", "-*.parquet"))
    return sorted(path for name in named for below in ("", "*/") for path in folder.glob(below + name))


def parquet_columns(folder: Path, split: Split, columns: Sequence[str], remedy: str) -> Columns:
    """Read columns of a split from the Parquet files in a folder.

    Raises:
        MissingFile: There is no file of the split.
        DamagedFile: A file cannot be read as Parquet, or lacks a column or a value.
    """
    paths = parquet_files(folder, split)
    if not paths:
        raise MissingFile(f"{folder} has no {split}-*.parquet beside the others; {remedy}")
    tables = files.cached_read(_read_files, *paths)
    return _columns(tables, columns, ", ".join(map(str, paths)), remedy)


def _read_files(*paths: Path) -> list[pa.Table]:
    return [files.parquet(path, "write it again") for path in paths]


def _columns(tables: Sequence[pa.Table], columns: Sequence[str], where: str, remedy: str) -> Columns:
    tables = [_opened(table, columns) for table in tables]
    lacking = [(name, table) for table in tables for name in columns if name not in table.column_names]
    if lacking:
        name, table = lacking[0]
        message = f"{where} has no column '{name}', only {', '.join(table.column_names)}"
        raise DamagedFile(f"{message}; {remedy}")
    found = [[value for table in tables for value in table[name].to_pylist()] for name in columns]
    for name, values in zip(columns, found, strict=True):
        if None in values:
            message = f"{where} lacks a value in column '{name}', row {values.index(None) + 1}"
            raise DamagedFile(f"{message}; {remedy}")
    return found


def _opened(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return a table with the columns that it keeps within one called `translation`."""
    if NESTED not in table.column_names or set(columns) <= set(table.column_names):
        return table
    import pyarrow as pa

    inner = table[NESTED].combine_chunks()
    if not pa.types.is_struct(inner.type):
        return table
    return pa.table({field.name: inner.field(field.name) for field in inner.type})
