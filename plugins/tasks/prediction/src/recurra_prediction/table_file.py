"""A user's table, from CSV or Parquet; an error names the file, the row and a remedy."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recurra import DamagedFile, InvalidInput, InvalidOption, MissingFile, files
from recurra_prediction.time_column import first_without_date

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

SUFFIXES = (".csv", ".parquet")
OTHERWISE = "correct it, or name the columns to read in task.columns"


def table_paths(path: Path) -> list[Path]:
    """Return the tables that a path names: one file, or every .csv and .parquet file of a folder, by name.

    Raises:
        MissingFile: There is no such file, or no table in the folder.
        InvalidOption: The name of the file ends in something else.
    """
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if _is_table(file))
        if not found:
            raise MissingFile(f"the folder {path} has no .csv or .parquet file; name another")
        return found
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidOption(f"{path} is neither a .csv nor a .parquet file, by its name")
    if not path.is_file():
        raise MissingFile(f"{path} does not exist{_near(path)}")
    return [path]


def read_table(path: Path) -> pa.Table:
    """Read a file whose first line, if it is a CSV file, names its columns.

    Raises:
        DamagedFile: It cannot be read as what its name says.
        InvalidInput: It has no rows, or two columns of one name.
    """
    import pyarrow as pa

    try:
        table = _read(path)
    except DamagedFile:
        raise
    except UnicodeDecodeError:
        raise DamagedFile(f"{path} cannot be read as text in UTF-8; save it as UTF-8") from None
    except (pa.ArrowException, OSError) as error:
        kind = path.suffix[1:].replace("csv", "CSV").replace("parquet", "Parquet")
        raise DamagedFile(f"{path} cannot be read as {kind}: {files.short_message(error)}") from None
    names = table.column_names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{path} has several columns named '{twice}'; rename all but one")
    if not len(table):
        raise InvalidInput(f"{path} has no rows")
    return table


def numbers(path: Path, name: str, column: pa.ChunkedArray) -> Tensor:
    """Return the numbers (N,) of a column in float64, NaN where a value is missing.

    Raises:
        InvalidInput: A value is not a number, or not finite.
    """
    import pyarrow as pa

    if not _is_numeric(column.type):
        raise InvalidInput(f"column '{name}' of {path} contains {_stray(column)}; {OTHERWISE}")
    # Not safe: integers beyond 2^53 are rounded.
    # A copy, since torch warns of arrays that it must not write to.
    values = torch.tensor(column.cast(pa.float64(), safe=False).to_numpy())
    infinite = values.isinf().nonzero()
    if len(infinite):
        row = int(infinite[0]) + 1
        raise InvalidInput(
            f"column '{name}' of {path} has no finite value in row {row}; fill or remove that row"
        )
    return values


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")


def _read(path: Path) -> pa.Table:
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(str(path))
    import pyarrow as pa
    from pyarrow import csv

    _check_header(path)
    try:
        return csv.read_csv(str(path))
    except pa.ArrowInvalid:
        _check_rows(path)
        raise


def _check_rows(path: Path) -> None:
    """Check that every row of a CSV file has as many values as the header.

    Raises:
        DamagedFile: One has not.
    """
    from pyarrow import csv

    wrong: list[csv.InvalidRow] = []

    def skip(row: csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    one_thread = csv.ReadOptions(use_threads=False)  # only one thread counts the rows
    csv.read_csv(str(path), one_thread, csv.ParseOptions(invalid_row_handler=skip))
    if wrong:
        row, found, expected = wrong[0].number - 1, wrong[0].actual_columns, wrong[0].expected_columns
        message = f"row {row:,} of {path} has the wrong number of values, {found} instead of {expected}"
        raise DamagedFile(f"{message}; correct that row")


def _check_header(path: Path) -> None:
    """Check that the first line names columns, with commas between them; whole numbers may be names.

    Raises:
        DamagedFile: It does not.
    """
    with path.open(encoding="utf-8-sig") as file:
        line = file.readline().rstrip("\n")
    if not path.stat().st_size:
        raise DamagedFile(f"{path} is empty; its first line must name the columns")
    mark = next((mark for mark in (";", "\t", "|") if mark in line and "," not in line), None)
    if mark is not None:
        raise DamagedFile(
            f"{path} separates its columns by {mark!r}; write commas, and points in decimal numbers"
        )
    cells = line.split(",")
    if line and all(map(_is_number, cells)) and any("." in cell or "-" in cell for cell in cells):
        raise DamagedFile(f"{path} has no header: its first line is '{line[:40]}'; name the columns in it")


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    tables = [file.name for file in path.parent.iterdir() if _is_table(file)]
    close = difflib.get_close_matches(path.name, tables, n=1, cutoff=0.4)
    return f"; did you mean '{path.parent / close[0]}'?" if close else ""


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return pa.types.is_null(kind) or any(test(kind) for test in tests)


def _stray(column: pa.ChunkedArray) -> str:
    """Say what makes a column one that holds no numbers: one word among dates, or a value."""
    row, value = first_without_date(column)
    if row > 1:
        return f"{value!r} in row {row}, where others are dates"
    row, value = _first_text(column)
    return f"a value that is not a number, such as '{value}' in row {row}"


def _first_text(column: pa.ChunkedArray) -> tuple[int, object]:
    """Return the number of the first row that is not a number, and what it holds."""
    for row, value in enumerate(column.to_pylist(), 1):
        try:
            float(value)
        except (TypeError, ValueError):
            if value is not None:
                return row, value
    return 1, column[0]
