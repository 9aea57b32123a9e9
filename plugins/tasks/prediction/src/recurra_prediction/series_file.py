"""The series of a user's file, or of a folder of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from recurra import InvalidInput, InvalidOption, nearest
from recurra_prediction.table_file import numbers, read_table, table_paths
from recurra_prediction.time_column import check_dates, dates, time_columns

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Missing = Literal["error", "mask"]


@dataclass(frozen=True)
class Columns:
    """What the columns of a file are for.

    Args:
        targets: To forecast; if none is named, all numeric columns that are nothing else.
        past: Inputs that are known up to the present.
        future: Inputs that are also known for the steps to forecast.
        series: The column whose equal values make rows one series; None: all rows of a file are one.
        time: The column of dates; None: the first one.
    """

    targets: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    series: str | None = None
    time: str | None = None

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns of numbers, in the order of the channels: targets, past, future."""
        return (*self.targets, *self.past, *self.future)

    def check(self) -> None:
        """Check that no column has two roles.

        Raises:
            InvalidOption: One has.
        """
        named = [*self.numeric, *(name for name in (self.series, self.time) if name is not None)]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            options = "columns, past_covariates, future_covariates, series and time"
            raise InvalidOption(f"TimeSeries: {options} name '{twice}' twice; name it once")

    def of(self, path: Path, table: pa.Table) -> Columns:
        """Return the same with the targets of a table, if none is named.

        Raises:
            InvalidOption: The table has not all columns.
            InvalidInput: It has none to forecast.
        """
        for name in (*self.numeric, self.series, self.time):
            if name is not None and name not in table.column_names:
                near = nearest(name, table.column_names) or f"; it has {', '.join(table.column_names)}"
                raise InvalidOption(f"{path} has no column '{name}'{near}")
        others = {*self.numeric, self.series, self.time, *time_columns(table)}
        targets = self.targets or tuple(name for name in table.column_names if name not in others)
        if not targets:
            raise InvalidInput(f"{path} has no numeric column to forecast")
        return replace(self, targets=targets)


@dataclass(frozen=True)
class OneSeries:
    """One series of a file.

    Args:
        where: Where it was read, for messages.
        name: What tells it apart: its value in the column of series, or the name of its file.
        values: (N, C) in float64, NaN where a value is missing; targets, past and future covariates.
        seen: How many rows have a past; later ones, at the end, hold future covariates alone.
        when: The name of the column of dates; `row` if there is none.
        times: The dates of the rows; None if there are none.
        rows: The rows of the file that it was read from, counted from 0.
    """

    where: str
    name: Any
    values: Tensor
    seen: int
    when: str
    times: list[datetime | None] | None
    rows: Sequence[int]


def read_series(path: Path, columns: Columns, missing: Missing) -> tuple[list[OneSeries], Columns]:
    """Read the series of a file, or of every file of a folder, and what its columns are for.

    Args:
        path: A `.csv` file whose first line names its columns, a `.parquet` file, or a folder of such files.
        columns: What its columns are for; those of the first file hold for all.
        missing: Whether a missing value is an error.

    Raises:
        MissingFile: There is no such file.
        InvalidOption: It is neither CSV nor Parquet, or has no such column.
        DamagedFile: It cannot be read as what its name says.
        InvalidInput: A value is not a number, missing or goes back in time.
    """
    found: list[OneSeries] = []
    for file in table_paths(path):
        table = read_table(file)
        columns = columns.of(file, table)
        found += _series_of(file, table, columns, missing)
    names = [series.name for series in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"two files of {path} have the series '{twice}'; join them, the oldest rows first")
    return found, columns


def _series_of(path: Path, table: pa.Table, columns: Columns, missing: Missing) -> Iterator[OneSeries]:
    values = torch.stack([numbers(path, name, table[name]) for name in columns.numeric], 1)
    when, times = dates(path, table, columns.time)
    for name, rows in _groups(path, table, columns.series).items():
        if times is not None:
            check_dates(path, when, times, rows)
        where = str(path) if columns.series is None else f"{path}, series '{name}',"
        known = [times[row] for row in rows] if times is not None else None
        own = values[torch.tensor(rows)]
        series = OneSeries(where, name, own, _seen(own, columns), when, known, rows)
        _check_missing(path, series, columns, missing)
        yield series


def _groups(path: Path, table: pa.Table, series: str | None) -> dict[Any, list[int]]:
    """Return name -> the rows of each series, in their order."""
    if series is None:
        return {path.stem: list(range(len(table)))}
    groups: dict[Any, list[int]] = {}
    for row, name in enumerate(table[series].to_pylist()):
        if name is None or name == "":
            message = f"column '{series}' of {path} names no series in row {row + 1}"
            raise InvalidInput(f"{message}; fill in or remove that row")
        groups.setdefault(name, []).append(row)
    return groups


def _seen(values: Tensor, columns: Columns) -> int:
    """Return the number of rows up to the last that has a target, if later ones can hold covariates."""
    if not columns.future:
        return len(values)
    known = (~values[:, : len(columns.targets)].isnan()).any(1).nonzero()
    return int(known[-1]) + 1 if len(known) else 0


def _check_missing(path: Path, series: OneSeries, columns: Columns, missing: Missing) -> None:
    lacking = series.values.isnan()
    lacking[series.seen :, : len(columns.targets) + len(columns.past)] = False
    if missing == "mask" or not bool(lacking.any()):
        return
    row, channel = (int(place) for place in lacking.nonzero()[0])
    message = f"column '{columns.numeric[channel]}' of {path} has no finite value in row"
    remedy = "fill or remove that row, or set task.missing=mask to leave missing values out"
    raise InvalidInput(f"{message} {series.rows[row] + 1}; {remedy}")
