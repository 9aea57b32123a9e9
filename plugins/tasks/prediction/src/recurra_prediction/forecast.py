"""Forecasts of the steps after a series, and of known steps for comparison."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from recurra import Configurable, InvalidInput, Predictor
from recurra_prediction.dates import after
from recurra_prediction.series_file import read_series, read_times
from recurra_prediction.windows import Cut

Row = Mapping[str, Any]
MOST_STEPS = 100_000


class Series(Protocol):
    """What a forecast needs of its task: how windows are cut, how columns are scaled, and its own file."""

    cut: Cut
    mean: Tensor
    deviation: Tensor
    columns: tuple[str, ...]
    path: Path


class Forecast(Configurable):
    """The next steps of a series, in the units of its file.

    One row per step: its date, in the file's first column of dates, or its number (`row`), counted from 0 at
    the first row of the file, if there are no dates or they are not evenly spaced; then a column for each
    forecast column. Beyond the horizon of the network, its own forecasts are its inputs. With `origins`,
    forecasts start from as many past steps, the latest whose next `steps` are known; each row then also has
    its `origin`, the last step seen, and the actual values, `NAME_actual`.

    Raises:
        MissingFile: There is no such file; for other errors see `read_series`.
        InvalidInput: The file has too few rows or lacks a date, or its forecast is not finite or after the
            year 9999.
    """

    def __init__(
        self,
        task: Series,
        *,
        input: Annotated[
            Path | None, Field(description="file with the columns of training; none: that of training")
        ] = None,
        steps: Annotated[
            Annotated[int, Field(gt=0, le=MOST_STEPS)] | None,
            Field(description="steps to forecast; none: the horizon"),
        ] = None,
        origins: Annotated[
            int, Field(ge=0, description="number of past origins to forecast from, to compare; 0: the end")
        ] = 0,
    ) -> None:
        self.task, self.origins, self.steps = task, origins, steps or len(task.cut.offsets)
        self.path = input or task.path
        self.values, _ = read_series(self.path, task.columns)
        when, self.times = read_times(self.path)
        self._when, self._origin = (_unused(name, task.columns) for name in (when, "origin"))
        self._actual = [_unused(f"{name}_actual", task.columns) for name in task.columns]
        needed = task.cut.window + (origins and origins + self.steps - 1)
        if len(self.values) < needed:
            message = f"{self.path} has {len(self.values):,} rows; a forecast needs at least {needed:,}"
            raise InvalidInput(f"{message}: the window{' and the steps compared' if origins else ''}")

    def rows(self, network: Predictor) -> Iterator[Row]:
        """Yield the rows of the forecast, or of the comparison."""
        if not self.origins:
            yield from self._from(network, len(self.values))
            return
        last = len(self.values) - self.steps
        for origin in range(last - self.origins + 1, last + 1):
            for step, row in enumerate(self._from(network, origin)):
                actual = dict(zip(self._actual, self.values[origin + step].tolist(), strict=True))
                yield {self._origin: self._time(origin - 1), **row, **actual}

    def _from(self, network: Predictor, origin: int) -> Iterator[Row]:
        """Yield the rows of the steps from `origin`, of which the network sees nothing."""
        for step, values in enumerate(self._forecast(network, self.values[:origin])[: self.steps]):
            forecast = dict(zip(self.task.columns, values.tolist(), strict=True))
            yield {self._when: self._time(origin + step), **forecast}

    def _forecast(self, network: Predictor, known: Tensor) -> Tensor:
        """Return at least `steps` further rows (K, C) of known ones (N, C)."""
        task, ahead = self.task, len(self.task.cut.offsets)
        window, parts = (known[-task.cut.window :] - task.mean) / task.deviation, []
        for _ in range(0, self.steps, ahead):
            y, _ = network(window[None].to(torch.get_default_dtype()), None, lengths=None)
            parts.append(y[0, -1].to(window).reshape(ahead, -1))
            window = torch.cat([window, parts[-1]])[-task.cut.window :]
        ahead_in_units = torch.cat(parts) * task.deviation + task.mean
        if not bool(ahead_in_units.isfinite().all()):
            message = f"the forecast from {self.path} is not finite"
            raise InvalidInput(f"{message}: its values are too far from those of training")
        return ahead_in_units

    def _time(self, row: int) -> datetime | int:
        """Return the date of a row, also of one after the last, or its number where there are no dates."""
        if self.times is None or len(self.times) < 2:
            return row
        if row < len(self.times):
            return self.times[row]
        try:
            return after(self.times[-2], self.times[-1], row - len(self.times) + 1)
        except (OverflowError, ValueError):
            raise InvalidInput(
                f"the dates of the forecast from {self.path} lie beyond the year 9999"
            ) from None


def _unused(name: str, columns: Container[str]) -> str:
    while name in columns:
        name += "_"
    return name
