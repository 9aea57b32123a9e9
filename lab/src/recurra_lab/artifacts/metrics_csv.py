"""The log of a run: `metrics.csv`, one row per value, exact across crashes and resumes."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from recurra_lab.artifacts.atomic_files import durable

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
        with self.path.open("ab") as file:
            file.write(_lines(rows))
        self._rows.clear()

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


def read_metrics(path: Path) -> list[tuple[int, str, float]]:
    """Return the rows (step, metric, value) of a metrics file, without an incomplete last row."""
    if not path.exists():
        return []
    rows = []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for row in csv.reader(line for line in lines[1:] if line.endswith("\n")):
        step, metric, value = row
        rows.append((int(step), metric, float(value)))
    return rows
