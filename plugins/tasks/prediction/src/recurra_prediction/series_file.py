"""A user's table of numbers, from CSV or Parquet; whatever is wrong with it is said in one sentence."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra import DamagedFile, InvalidInput, InvalidOption, MissingFile, files, nearest
from recurra_prediction.dates import evenly_spaced

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def read_series(path: Path, columns: Sequence[str]) -> tuple[Tensor, tuple[str, ...]]:
    """Read columns of numbers, in the order of the rows: (N, C) in float64, and their names.

    Args:
        path: A `.csv` file whose first line names its columns, or a `.parquet` file.
        columns: Which columns; if none is named, all but those of dates and times.

    Raises:
        MissingFile: There is no such file.
        InvalidOption: It is neither CSV nor Parquet, or has no such column.
        DamagedFile: It cannot be read as what its name says.
        InvalidInput: Two columns have one name; or a column contains something that is not a number, lacks a
            value or goes back in time.
    """
    table = _read(path)
    names_read = table.column_names
    twice = next((name for name in names_read if names_read.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{path} has several columns named '{twice}'; rename all but one")
    unknown = [name for name in columns if name not in table.column_names]
    if unknown:
        near = nearest(unknown[0], table.column_names) or f"; it has {', '.join(table.column_names)}"
        raise InvalidOption(f"{path} has no column '{unknown[0]}'{near}")
    if not len(table):
        raise InvalidInput(f"{path} has no rows")
    for name in table.column_names:
        if _is_time(table[name]):
            _check_order(path, name, table[name])
    names = tuple(columns) or tuple(name for name in table.column_names if not _is_time(table[name]))
    if not names:
        raise InvalidInput(f"{path} has no numeric column")
    return torch.stack([_numbers(path, name, table[name]) for name in names], 1), names


def read_times(path: Path) -> tuple[str, list[datetime] | None]:
    """Return the name and the values of the first column of dates; `row` and None if steps differ in length.

    Raises:
        InvalidInput: A date is missing.
    """
    table = _read(path)
    name = next((name for name in table.column_names if _is_date(table[name])), None)
    if name is None:
        return "row", None
    values = table[name].to_pylist()
    if None in values:
        row = values.index(None) + 1
        raise InvalidInput(
            f"column '{name}' of {path} has no date in row {row:,}; fill in or remove the column"
        )
    times = [_with_time(value) for value in values]
    return (name, times) if evenly_spaced(times) else ("row", None)


def _with_time(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _read(path: Path) -> pa.Table:
    import pyarrow as pa

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InvalidOption(f"{path} is neither a .csv nor a .parquet file, by its name")
    if not path.is_file():
        raise MissingFile(f"{path} does not exist{_near(path)}")
    try:
        return _reader(path)(str(path))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = path.suffix[1:].replace("csv", "CSV").replace("parquet", "Parquet")
        raise DamagedFile(f"{path} cannot be read as {kind}: {files.short_message(error)}") from None


def _reader(path: Path) -> Callable[[str], Any]:
    if path.suffix.lower() == ".csv":
        from pyarrow import csv

        return csv.read_csv  # type: ignore[no-any-return]
    from pyarrow import parquet

    return parquet.read_table  # type: ignore[no-any-return]


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    files = [file.name for file in path.parent.iterdir() if file.suffix.lower() in (".csv", ".parquet")]
    close = difflib.get_close_matches(path.name, files, n=1, cutoff=0.4)
    return f"; did you mean '{path.parent / close[0]}'?" if close else ""


def _is_time(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_temporal(column.type))


def _is_date(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def _check_order(path: Path, name: str, times: pa.ChunkedArray) -> None:
    known = [time for time in enumerate(times.to_pylist(), 1) if time[1] is not None]
    for (_, before), (row, now) in itertools.pairwise(known):
        if now < before:
            message = f"column '{name}' of {path} goes back in time in row {row}"
            raise InvalidInput(f"{message}; sort the rows, the oldest first")


def _numbers(path: Path, name: str, column: pa.ChunkedArray) -> Tensor:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        row, value = _first_text(column)
        message = (
            f"column '{name}' of {path} contains a value that is not a number, such as '{value}' in row {row}"
        )
        raise InvalidInput(f"{message}; correct it, or name the columns to read in task.columns")
    # Not safe: integers beyond 2^53 are rounded.
    # A copy, since torch warns of arrays that it must not write to.
    values = torch.tensor(column.cast(pa.float64(), safe=False).to_numpy())
    lacking = (~torch.isfinite(values)).nonzero()
    if len(lacking):
        row = int(lacking[0]) + 1
        raise InvalidInput(
            f"column '{name}' of {path} has no finite value in row {row}; fill or remove that row"
        )
    return values


def _first_text(column: pa.ChunkedArray) -> tuple[int, Any]:
    """Return the number of the first row that is not a number, and what it holds."""
    for row, value in enumerate(column.to_pylist(), 1):
        try:
            float(value)
        except (TypeError, ValueError):
            return row, value
    return 1, column[0]
