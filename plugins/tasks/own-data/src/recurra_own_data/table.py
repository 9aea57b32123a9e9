"""A user's file as columns of values: CSV, JSON lines or Parquet, by the name of the file."""

from __future__ import annotations

import difflib
import functools
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from recurra import DamagedFile, InvalidInput, InvalidOption, MissingFile, files, nearest

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


class Table(NamedTuple):
    """Rows that were read.

    Args:
        where: The file or the data set, as messages name it.
        columns: Name -> one value for each row: a number, text, a list or None.
    """

    where: str
    columns: Mapping[str, Sequence[Any]]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def texts(self) -> frozenset[str]:
        """The columns that hold text."""
        return frozenset(
            name
            for name, cells in self.columns.items()
            if isinstance(next((cell for cell in cells if cell is not None), None), str)
        )

    def with_text(self, names: Collection[str]) -> Table:
        """Return the table with the numbers of some columns as text."""
        columns = {
            name: [_text(cell) for cell in cells] if name in names else cells
            for name, cells in self.columns.items()
        }
        return Table(self.where, columns)

    def checked(self, names: Sequence[str], option: str) -> Sequence[str]:
        """Return the names, of columns that an option names, if the table has them all.

        Raises:
            InvalidOption: It has not.
        """
        for name in names:
            if name not in self.columns:
                near = nearest(name, self.columns) or f"; it has {', '.join(self.columns)}"
                raise InvalidOption(f"task.{option}: {self.where} has no column '{name}'{near}")
        return names


def read_table(path: Path, texts: frozenset[str] = frozenset()) -> Table:
    """Read a file whose name ends in .csv, .jsonl or .parquet; the first two may be compressed (.gz).

    Args:
        path: The file.
        texts: Columns that hold text, even where they look like numbers.

    Raises:
        MissingFile: There is no such file.
        InvalidOption: Its name ends in something else.
        DamagedFile: It cannot be read as what its name says.
        InvalidInput: It has no rows, or two columns of one name.
    """
    suffix = _suffix(path)
    if suffix not in READERS:
        message = f"{path} must end in one of {', '.join(READERS)}, which says the format"
        raise InvalidOption(message + nearest(suffix, READERS))
    if not path.is_file():
        raise MissingFile(f"the file {path} does not exist{_near(path)}")
    reader = _csv_reader(texts) if suffix == ".csv" else READERS[suffix]
    return Table(str(path), files.cached_read(reader, path)).with_text(texts)


def _text(cell: Any) -> Any:
    if isinstance(cell, list):
        return [_text(value) for value in cell]
    return str(cell) if isinstance(cell, int | float) else cell


def columns_of(table: pa.Table, where: str) -> Mapping[str, Sequence[Any]]:
    """Return the columns of an Arrow table; decimal numbers become floats.

    Raises:
        InvalidInput: It has no rows, or two columns of one name.
    """
    names = table.column_names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{where} has several columns named '{twice}'; rename all but one")
    if not len(table):
        raise InvalidInput(f"{where} has no rows")
    return {name: _plain(table[name]).to_pylist() for name in names}


def _suffix(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes]
    return endings[-2] if endings[-1:] == [".gz"] and len(endings) > 1 else "".join(endings[-1:])


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    known = [file.name for file in path.parent.iterdir() if _suffix(file) in READERS]
    close = difflib.get_close_matches(path.name, known, n=1, cutoff=0.4)
    return f"; did you mean '{path.parent / close[0]}'?" if close else ""


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column


@functools.cache
def _csv_reader(texts: frozenset[str]) -> Callable[[Path], Mapping[str, Sequence[Any]]]:
    """Return the same reader for the same columns, so that what it reads can be kept."""
    return functools.partial(_read_csv, texts=texts)


def _read_csv(path: Path, texts: frozenset[str] = frozenset()) -> Mapping[str, Sequence[Any]]:
    import pyarrow as pa
    from pyarrow import csv

    remedy = "write a table whose first line names its columns"
    content = files.content_of(path, "CSV", remedy)
    _decoded(content, path, remedy)
    parsing = csv.ParseOptions(newlines_in_values=True)
    types = csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()))
    try:
        table = csv.read_csv(io.BytesIO(content), parse_options=parsing, convert_options=types)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise files.unreadable(path, "CSV", error, remedy) from None
    _check_commas(table.column_names, path)
    return columns_of(table, str(path))


def _check_commas(names: Sequence[str], path: Path) -> None:
    other = next((mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]), None)
    if other is not None:
        raise DamagedFile(
            f"{path} separates its columns by {other!r}; write commas, and points in decimal numbers"
        )


def _read_parquet(path: Path) -> Mapping[str, Sequence[Any]]:
    return columns_of(files.parquet(path, "write it again"), str(path))


def _read_json_lines(path: Path) -> Mapping[str, Sequence[Any]]:
    remedy = "write one JSON object on each line"
    lines = _decoded(files.content_of(path, "JSON lines", remedy), path, remedy).split("\n")
    objects = [_object(line, path, number, remedy) for number, line in enumerate(lines, 1) if line.strip()]
    if not objects:
        raise InvalidInput(f"{path} has no rows")
    names = dict.fromkeys(name for found in objects for name in found)
    return {name: [found.get(name) for found in objects] for name in names}


def _object(line: str, path: Path, number: int, remedy: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = f"{path} cannot be read as JSON lines (line {number}: {files.short_message(error)})"
        raise DamagedFile(f"{message}; {remedy}") from None
    if not isinstance(found, dict):
        raise DamagedFile(f"{path} has no JSON object on line {number}; {remedy}")
    return found


def _decoded(content: bytes, path: Path, remedy: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise files.unreadable(path, "text in UTF-8", error, remedy) from None


READERS: Mapping[str, Callable[[Path], Mapping[str, Sequence[Any]]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}
