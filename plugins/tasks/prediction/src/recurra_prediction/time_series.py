"""Forecasting the columns of a user's own file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Score, Split
from recurra_prediction.bits import Count
from recurra_prediction.channels import Channels
from recurra_prediction.forecast import Forecast
from recurra_prediction.losses import Loss, loss_of
from recurra_prediction.parts import check_parts, check_seasons, naive_errors, scales_of
from recurra_prediction.series_file import Columns, Missing, OneSeries, read_series
from recurra_prediction.windows import Cut, Windows, count, known

Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
Share = Annotated[float, Field(gt=0, lt=1)]


class TimeSeries(Windows):
    """Forecast the next values of every column of a file from a window of them.

    The rows of the file are steps of equal length, the oldest first. The last rows are for test and those
    before them for validation; the values to be predicted of one part lie in no other. Columns are scaled to
    mean 0 and standard deviation 1 in the training part, so that nothing leaks from the future. The forecast
    is due at the last step of a window.

    Several series: `series` names the column that tells them apart; of a folder, each file is one. Each is
    split by time and scaled by itself, covariates over all series together, and windows of all are learned.
    Past covariates are further inputs; future covariates are inputs of the next steps too, and must be known
    when forecasting: rows at the end without targets hold them. With missing=mask a missing value is left
    out of loss and scores; as an input it is the mean, 0, and a channel for each input marks it.

    Shapes: x (B, window, C + P + F (1 + horizon)) for C targets, P past and F future covariates, twice as
    many channels with missing=mask; y (B, window, horizon C): the next step of all columns, then the one
    after, ...; each value is one output, with loss=quantile one for each quantile, with normal and laplace
    two, location and scale.
    Scores: scaled_error, the mean absolute error over that of the seasonal naive forecast, one season ahead,
    within the training part (MASE); squared_error, in variances of the training part; absolute_error of each
    column, in its own unit. With quantiles also pinball, in deviations of the training part; coverage_LEVEL,
    the share of values not above the quantile; crossing, the share of neighbouring quantiles in the wrong
    order; with a likelihood, nats, its negative logarithm for a scaled value.
    Baselines: persistence, the last value; seasonal-naive, the value of the last season; constant, the mean
    in training: each over all windows of the test part. Solved means a scaled error below 1.
    Differs from the paper: none has this task; the scaled error is that of Hyndman and Koehler 2006.

    Raises:
        MissingFile: There is no such file; for other errors see `read_series`.
        InvalidInput: A part is too short, or a column to forecast never changes in training.
    """

    predictions = Forecast
    stream = "TimeSeries"
    goal = Goal("scaled_error", below=1.0)

    def __init__(
        self,
        *,
        file: Annotated[
            Path | None,
            Field(description=".csv or .parquet file, or folder of such; none: a synthetic example"),
        ] = None,
        columns: Annotated[
            Names, Field(description="columns to read and forecast; none: all except dates and times")
        ] = (),
        past_covariates: Annotated[Names, Field(description="input columns that are not forecast")] = (),
        future_covariates: Annotated[
            Names, Field(description="input columns that are also known for the steps to forecast")
        ] = (),
        series: Annotated[
            str | None, Field(description="column that tells several series apart; none: a file is one")
        ] = None,
        time: Annotated[str | None, Field(description="column of dates; none: the first one")] = None,
        missing: Annotated[
            Missing, Field(description="missing values: an error, or left out of loss and scores")
        ] = "error",
        window: Annotated[Count, Field(description="W, length of the input window in steps")] = 48,
        horizon: Annotated[Count, Field(description="number of steps to forecast")] = 12,
        season: Annotated[Count, Field(description="steps per season, for the seasonal naive forecast")] = 24,
        loss: Annotated[
            Loss, Field(description="training loss: squared error, quantiles, or a likelihood")
        ] = "squared",
        quantiles: Annotated[
            tuple[Share, ...], Field(description="quantiles to forecast, unless the loss is squared")
        ] = (0.1, 0.5, 0.9),
        validation: Annotated[Share, Field(description="fraction of the rows for validation")] = 0.15,
        test: Annotated[Share, Field(description="fraction of the rows for test")] = 0.15,
    ) -> None:
        if validation + test >= 1:
            message = f"validation = {validation} and test = {test} leave no rows for training"
            raise InvalidOption(f"TimeSeries: {message}; their sum must be below 1")
        self.path = file or cast(Path, resources.files(__package__).joinpath("example.csv"))
        roles = Columns(columns, past_covariates, future_covariates, series, time)
        roles.check()
        self.missing, self.season, self.value_loss = missing, season, loss_of(loss, quantiles)
        read, self.roles = read_series(self.path, roles, missing)
        self.columns, self.names = self.roles.targets, tuple(one.name for one in read)
        cuts = _cuts(read, window, horizon, (validation, test))
        check_parts(read, cuts, self.columns, season)
        self.scales = scales_of(read, cuts, len(self.columns))
        self.channels = Channels(len(future_covariates), horizon, missing == "mask")
        scaled = [scale.scaled(one.values) for scale, one in zip(self.scales, read, strict=True)]
        width = horizon * len(self.columns) * self.value_loss.size
        targets = torch.cat(scaled)[:, : len(self.columns)]
        super().__init__(torch.cat([self.channels.of(x) for x in scaled]), targets, cuts, width)
        self.naive_errors = naive_errors(self.series, cuts, season)
        check_seasons(read, self.naive_errors, self.columns)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the scaled values that are known."""
        return self.value_loss.loss(*self._known(y, batch))

    def _known(self, y: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the outputs (n, P) and the value (n,) of everything that is known at scored steps."""
        due = batch.target[batch.mask][:, : self.output_size // self.value_loss.size]
        there = ~due.isnan()
        return self._by_value(y[batch.mask])[there], due[there]

    def _by_value(self, y: Tensor) -> Tensor:
        return y.reshape(*y.shape[:-1], -1, self.value_loss.size)

    def predict(self, y: Tensor) -> Tensor:
        """Return the point forecasts, scaled: (B, W, O) -> (B, W, K C)."""
        return self.value_loss.point(self._by_value(y))

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who sees the future, for checks."""
        due = batch.target[..., : self.output_size // self.value_loss.size]
        return self.value_loss.certain(due.nan_to_num()).flatten(-2)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of point forecasts, and those of quantiles."""
        point = super().scores(self.predict(y), batch)
        return {**point, **self.value_loss.scores(*self._known(y, batch))}

    def measured(self, errors: Tensor, numbers: Tensor) -> dict[str, Score]:
        """Return scaled_error, squared_error and the absolute_error of each column."""
        size = len(self.columns)
        absolute, scaled = torch.zeros(size, dtype=errors.dtype), torch.zeros((), dtype=errors.dtype)
        for number in sorted(set(numbers.tolist())):
            total = known(errors[numbers == number]).abs().sum((0, 1)).cpu()
            absolute = absolute + total * self.scales[number].deviation[:size]
            scaled = scaled + (total / self.naive_errors[number]).sum()
        each = (~errors.isnan()).sum((0, 1)).tolist()
        return {
            "scaled_error": Score(float(scaled), count(errors)),
            **super().measured(errors, numbers),
            **{
                f"absolute_error_{name}": Score(value, weight)
                for name, value, weight in zip(self.columns, absolute.tolist(), each, strict=True)
            },
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what naive forecasts score over the whole test part."""
        return {
            "constant": self.constant(),
            "persistence": self.naive(),
            "seasonal-naive": self.naive(self.season),
        }


def _cuts(read: list[OneSeries], window: int, horizon: int, held_out: tuple[float, float]) -> list[Cut]:
    """Return how each series is cut; they lie one after the other."""
    cuts, start, offsets = [], 0, tuple(range(1, horizon + 1))
    for one in read:
        cuts.append(Cut(window, offsets, 1, _parts(start, one.seen, *held_out), start))
        start += len(one.values)
    return cuts


def _parts(start: int, rows: int, validation: float, test: float) -> dict[Split, tuple[int, int]]:
    after = rows - round(rows * test)
    first = after - round(rows * validation)
    parts: dict[Any, tuple[int, int]] = {
        "train": (0, first),
        "validation": (first, after),
        "test": (after, rows),
    }
    return {split: (start + first, start + after) for split, (first, after) in parts.items()}
