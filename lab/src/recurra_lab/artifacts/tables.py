"""Rows of values as a file: CSV, JSON lines, Parquet or plain text, by the name of the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recurra import InvalidOption, nearest
from recurra_lab.artifacts.atomic_files import check_place, durable
from recurra_lab.formatting import finite

ESCAPED = "backslashreplace"
"""Half of a surrogate pair, which JSON can hold and UTF-8 cannot, is written as an escape."""
Row = Mapping[str, Any]
"""Column -> number, text, date or None."""


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows durably, in the format that the file's name says, and return how many there were.

    Raises:
        InvalidOption: The name ends in no known format, or is that of a folder.
        MissingFile: There is no such folder.
    """
    encode = check_output(path)
    known = list(rows)
    data = encode(known)
    with durable(path.resolve()) as file:  # a link stays one
        file.write(data)
    return len(known)


def check_output(path: Path) -> Callable[[Sequence[Row]], bytes]:
    """Return the encoder for a file, before anything is computed for it; raises as `write_rows`."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        names = ", ".join(FORMATS)
        message = f"{path} must end in one of {names}, which says the format"
        raise InvalidOption(message + nearest(suffix, FORMATS))
    check_place(path)
    return FORMATS[suffix]


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header; dates in ISO format, None as nothing."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_text(rows: Sequence[Row]) -> str:
    """Return the values of rows of one column, one below the other."""
    if any(len(row) != 1 for row in rows):
        raise InvalidOption(f"a text file holds one column, and there are {', '.join(rows[0])}; write .csv")
    return "".join(f"{value}\n" for row in rows for value in row.values())


def _json_lines(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(finite(row), default=str, ensure_ascii=False) + "\n" for row in rows).encode(
        errors=ESCAPED
    )


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    file = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_pylist(list(rows)), file)
    except (pa.ArrowException, UnicodeEncodeError):
        message = "a column holds values of several kinds or no valid text, which Parquet refuses"
        raise InvalidOption(f"{message}; write .jsonl") from None
    return file.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    ".csv": lambda rows: as_csv(rows).encode(errors=ESCAPED),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".txt": lambda rows: as_text(rows).encode(errors=ESCAPED),
}
