"""Forecasts of the steps after a series, and of known steps for comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from recurra import Configurable, InvalidInput, InvalidOption, Predictor, nearest
from recurra_prediction.back_test import back_test_scores
from recurra_prediction.calendar import Calendar
from recurra_prediction.channels import Channels
from recurra_prediction.forecast_columns import ForecastColumns, Row
from recurra_prediction.losses import ValueLoss
from recurra_prediction.scaling import Scale
from recurra_prediction.series_file import Columns, Missing, OneSeries, read_series
from recurra_prediction.windows import Cut

MOST_STEPS = 100_000


class Series(Protocol):
    """What a forecast needs of its task: its own file, how windows are cut, scaled and read, and its loss."""

    path: Path
    roles: Columns
    missing: Missing
    names: tuple[Any, ...]
    scales: Sequence[Scale]
    channels: Channels
    cut: Cut
    value_loss: ValueLoss


class Forecast(Configurable):
    """The next steps of every series, in the units of its file.

    One row per step: the series, if there are several; its date, in the file's column of dates, or its number
    (`row`), counted from 0 at the first row of the series, if there are no dates or they are not evenly
    spaced; a column for each forecast column; and one for each of its quantiles, `NAME_q0.1`, in ascending
    order. The forecast begins after the last row; with future covariates, after the last row with a target.
    Beyond the horizon of the network, its own forecasts are its inputs. With `origins`, forecasts start from
    as many past steps, the latest whose next `steps` are known; each row then also has its `origin`, the last
    step seen, and the actual values, `NAME_actual`. An underscore is added to a name that is taken.

    Raises:
        MissingFile: There is no such file; for other errors see `read_series`.
        InvalidOption: There are steps beyond the horizon, but their inputs are not known; or no such series.
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
        series: Annotated[str | None, Field(description="the only series to forecast; none: all")] = None,
    ) -> None:
        self.task, self.origins, self.steps = task, origins, steps or len(task.cut.offsets)
        self._check_steps()
        read, _ = read_series(input or task.path, task.roles, task.missing)
        self.read = _chosen(read, series)
        self.scales = [_scale(task, one, series) for one in self.read]
        several = len(read) > 1 or len(task.names) > 1
        self.names = ForecastColumns(task.roles, self.read[0].when, task.value_loss.levels, several=several)
        for one in self.read:
            self._check_rows(one)

    def _check_steps(self) -> None:
        task, ahead = self.task, len(self.task.cut.offsets)
        reason = "past covariates are unknown there" if task.roles.past else "they have no quantiles"
        if self.steps > ahead and (task.roles.past or task.value_loss.levels):
            message = f"Forecast: steps = {self.steps}, beyond the horizon of training, {ahead}"
            raise InvalidOption(f"{message}, is not possible: {reason}; train with a longer task.horizon")

    def _check_rows(self, one: OneSeries) -> None:
        needed = self.task.cut.window + (self.origins and self.origins + self.steps - 1)
        if one.seen < needed:
            message = f"{one.where} has {one.seen:,} rows; a forecast needs at least {needed:,}"
            raise InvalidInput(f"{message}: the window{' and the steps compared' if self.origins else ''}")
        ahead = len(one.values) - one.seen
        if self.task.roles.future and not self.origins and ahead < self._computed:
            names = ", ".join(self.task.roles.future)
            message = f"{one.where} has {ahead:,} rows after the last one with a target, and a forecast needs"
            raise InvalidInput(f"{message} {self._computed:,}, with the future covariates {names}; add them")

    @property
    def _computed(self) -> int:
        """The steps that the network computes: whole horizons."""
        ahead = len(self.task.cut.offsets)
        return -(-self.steps // ahead) * ahead

    def rows(self, network: Predictor) -> Iterator[Row]:
        """Yield the rows of the forecast, or of the comparison, series by series."""
        for one, scale in zip(self.read, self.scales, strict=True):
            calendar = Calendar.of(one)
            if not self.origins:
                yield from self._from(network, one, scale, calendar, one.seen)
            last = one.seen - self.steps
            for origin in range(last - self.origins + 1, last + 1):
                for step, row in enumerate(self._from(network, one, scale, calendar, origin)):
                    actual = one.values[origin + step].tolist()
                    yield self.names.compared(row, calendar.time(origin - 1), actual)

    def _from(
        self, network: Predictor, one: OneSeries, scale: Scale, calendar: Calendar, origin: int
    ) -> Iterator[Row]:
        """Yield the rows of the steps from `origin`, of whose targets the network sees nothing."""
        outputs = self._forecast(network, scale.scaled(one.values), origin)[: self.steps]
        targets = len(self.task.roles.targets)
        scale = Scale(scale.mean[:targets], scale.deviation[:targets])
        point = scale.in_units(self.task.value_loss.point(outputs))
        quantiles = scale.in_units(self.task.value_loss.quantiles(outputs).movedim(-1, 0)).movedim(0, -1)
        if not bool(point.isfinite().all() and quantiles.isfinite().all()):
            message = f"the forecast from {one.where} is not finite"
            raise InvalidInput(f"{message}: its values are too far from those of training")
        for step, values in enumerate(zip(point.tolist(), quantiles.tolist(), strict=True)):
            yield self.names.row(one.name, calendar.time(origin + step), *values)

    def _forecast(self, network: Predictor, scaled: Tensor, origin: int) -> Tensor:
        """Return the outputs for at least `steps` steps from `origin`: (N, C) -> (K, targets, P)."""
        window, ahead = self.task.cut.window, len(self.task.cut.offsets)
        targets, parts = len(self.task.roles.targets), []
        known = self._around(scaled, origin)
        for end in range(window, window + self._computed, ahead):
            x = self.task.channels.of(known)[end - window : end]
            y, _ = network(x[None].to(torch.get_default_dtype()), None, lengths=None)
            parts.append(y[0, -1].to(known).reshape(ahead, targets, -1))
            known[end : end + ahead, :targets] = self.task.value_loss.point(parts[-1])
        return torch.cat(parts)

    def _around(self, scaled: Tensor, origin: int) -> Tensor:
        """Return the window before `origin`, and after it future covariates alone; NaN otherwise."""
        window, past = self.task.cut.window, scaled.shape[1] - self.task.channels.future
        known = scaled.new_full((window + self._computed, scaled.shape[1]), torch.nan)
        found = scaled[origin - window : origin + self._computed]
        known[: len(found)] = found
        known[window:, :past] = torch.nan
        return known

    def scores(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Return, of a comparison, the errors of each column, and the share of values below each quantile."""
        return back_test_scores(rows, self.names) if self.origins else {}


def _chosen(read: Sequence[OneSeries], name: str | None) -> list[OneSeries]:
    if name is None or len(read) == 1:
        return list(read)
    found = [one for one in read if str(one.name) == name]
    if not found:
        raise InvalidOption(f"Forecast: there is no series '{name}'{_near(name, [one.name for one in read])}")
    return found


def _scale(task: Series, one: OneSeries, name: str | None) -> Scale:
    """Return the scale of the series of training with the same name; the only one, if there is no other."""
    if len(task.names) == 1 and task.roles.series is None:
        return task.scales[0]
    known = [str(known) for known in task.names]
    wanted = str(one.name) if task.roles.series or name is None else name
    if wanted not in known:
        message = f"{one.where} has the series '{wanted}', with which the network was not trained"
        raise InvalidInput(f"{message}{_near(wanted, known)}")
    return task.scales[known.index(wanted)]


def _near(name: str, names: Sequence[Any]) -> str:
    known = [str(known) for known in names]
    return nearest(name, known) or f"; there are {', '.join(known[:10])}{' and more' if known[10:] else ''}"
