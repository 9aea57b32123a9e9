"""The dates of a table's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra import InvalidInput, InvalidOption

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def time_columns(table: pa.Table) -> list[str]:
    """Return the columns of dates and times, none of which is a series of numbers."""
    import pyarrow as pa

    return [name for name in table.column_names if pa.types.is_temporal(table[name].type)]


def dates(path: Path, table: pa.Table, named: str | None) -> tuple[str, list[datetime | None] | None]:
    """Return the name and the values of the column of dates; `row` and None if there is none.

    The first column of dates, unless another is named. Where it holds days alone, and another column the time
    of day, the two together are the date of a row.

    Raises:
        InvalidOption: The column that is named does not hold dates.
    """
    name = named or next((name for name in table.column_names if _is_date(table[name])), None)
    if name is None:
        return "row", None
    if not _is_date(table[name]):
        row, value = first_without_date(table[name])
        message = f"task.time: column '{name}' of {path} contains {value!r} in row {row}, which is not a date"
        raise InvalidOption(f"{message}; write dates as 2026-01-31 or 2026-01-31 18:00")
    hours = _hours(table) if _is_day(table[name]) else None
    days = table[name].to_pylist()
    return name, list(_joined(days, hours or [time()] * len(days)))


def first_without_date(column: pa.ChunkedArray) -> tuple[int, Any]:
    """Return the number of the first row that is not a date, and what it holds."""
    rows = enumerate(column.to_pylist(), 1)
    return next(
        (row for row in rows if row[1] is not None and not _says_date(row[1])), (1, column[0].as_py())
    )


def _says_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return not isinstance(value, int | float)


def check_dates(path: Path, name: str, times: Sequence[datetime | None], rows: Sequence[int]) -> None:
    """Check that the dates at some rows of a file never go back; missing ones are passed over.

    Raises:
        InvalidInput: A date is earlier than the one before it.
    """
    last: Any = None
    for row in rows:
        now = times[row]
        if last is not None and now is not None and now < last:
            message = f"column '{name}' of {path} goes back in time in row {row + 1}"
            raise InvalidInput(f"{message}; sort the rows, the oldest first")
        last = now or last


def _joined(days: Sequence[Any], hours: Sequence[time | None]) -> Iterator[datetime | None]:
    for day, hour in zip(days, hours, strict=True):
        if day is None or hour is None:
            yield None
        else:
            yield day if isinstance(day, datetime) else datetime.combine(day, hour)


def _hours(table: pa.Table) -> list[time | None] | None:
    """Return the first column of times of day."""
    import pyarrow as pa

    name = next((name for name in table.column_names if pa.types.is_time(table[name].type)), None)
    return None if name is None else table[name].to_pylist()


def _is_date(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def _is_day(column: pa.ChunkedArray) -> bool:
    return not isinstance(next((v for v in column.to_pylist() if v is not None), None), datetime)
