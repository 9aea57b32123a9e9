"""The log of a run: `metrics.csv`, one row per value, exact across crashes and resumes."""

from __future__ import annotations

import csv
import errno
import io
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from recurra.errors import DamagedFile
from recurra_lab.artifacts.atomic_files import durable, written

HEADER = ("step", "metric", "value")


class MetricsFile(Logger):
    """A Lightning logger that appends rows of step, metric and value to a CSV file.

    Lightning's CSV logger starts a new file when a run is resumed; this one discards the rows after the step
    of the checkpoint and appends to the file.

    Args:
        path: The file; created with a header if missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._rows: list[tuple[int, str, float]] = []

    @property
    def name(self) -> str:
        """The name of the file without its suffix."""
        return self.path.stem

    @property
    def version(self) -> str:
        """The id of the run."""
        return self.path.parent.name

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: experiment.toml already holds the options of a run."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Buffer values until the next save."""
        numbers = {name: value for name, value in metrics.items() if name != "epoch"}
        self._rows += [(step or 0, name, float(value)) for name, value in numbers.items()]

    @rank_zero_only
    def save(self) -> None:
        """Append the values logged since the last save."""
        rows = self._rows if self.path.exists() else [HEADER, *self._rows]
        self._rows = []
        with written(self.path), self.path.open("ab", buffering=0) as file:
            _append(file, _lines(rows))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the remaining values."""
        self.save()

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Discard the rows after a step, and an incomplete last row."""
        self._rows.clear()
        kept = [row for row in read_metrics(self.path) if row[0] <= step]
        with durable(self.path) as file:
            file.write(_lines([HEADER, *kept]))


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _append(file: IO[bytes], content: bytes) -> None:
    """Append all of the content, or nothing: rows that follow half a row could not be read."""
    end, count = file.tell(), 0
    try:
        count = file.write(content)
    finally:
        if count < len(content):
            file.truncate(end)
    if count < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_metrics(path: Path) -> list[tuple[int, str, float]]:
    """Return the rows (step, metric, value) of a metrics file, without an incomplete last row.

    Raises:
        DamagedFile: The file has other rows than these.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        return _rows(text[: text.rfind("\n") + 1])
    except (ValueError, csv.Error):
        raise DamagedFile(
            f"{path} is damaged: expected rows of step, metric and value; remove it to continue without it"
        ) from None


def _rows(text: str) -> list[tuple[int, str, float]]:
    """Parse whole lines; the last row may still lack its end, since a name in quotes can contain lines."""
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    if text.count('"') % 2:
        rows.pop()
    return [(int(step), metric, float(value)) for step, metric, value in rows]
