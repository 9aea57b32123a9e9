"""Forecasting the columns of a user's own file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor

from recurra import Goal, InvalidInput, InvalidOption, Score, Split
from recurra_prediction.bits import Count
from recurra_prediction.forecast import Forecast
from recurra_prediction.series_file import read_series
from recurra_prediction.windows import Cut, Windows

Share = Annotated[float, Field(gt=0, lt=1)]


class TimeSeries(Windows):
    """Forecast the next values of every column of a file from a window of them.

    The rows of the file are steps of equal length, the oldest first. The last rows are for test and those
    before them for validation; the values to be predicted of one part lie in no other. Columns are scaled to
    mean 0 and standard deviation 1 in the training part, so that nothing leaks from the future. The forecast
    is due at the last step of a window.

    Shapes: x (B, window, C), y (B, window, horizon C): the next step of all columns, then the one after, ...
    Scores: scaled_error, the mean absolute error over that of the seasonal naive forecast, one season ahead,
    within the training part (MASE); squared_error, in variances of the training part; absolute_error of each
    column, in its own unit.
    Baselines: persistence, the last value; seasonal-naive, the value of the last season; constant, the mean
    in training: each over all windows of the test part. Solved means a scaled error below 1.
    Differs from the paper: none has this task; the scaled error is that of Hyndman and Koehler 2006.
    """

    predictions = Forecast
    stream = "TimeSeries"
    goal = Goal("scaled_error", below=1.0)

    def __init__(
        self,
        *,
        file: Annotated[
            Path | None, Field(description=".csv or .parquet file; none: a synthetic example")
        ] = None,
        columns: Annotated[
            tuple[str, ...],
            Field(description="columns to read and forecast; none: all except dates and times"),
        ] = (),
        window: Annotated[Count, Field(description="W, length of the input window in steps")] = 48,
        horizon: Annotated[Count, Field(description="number of steps to forecast")] = 12,
        season: Annotated[Count, Field(description="steps per season, for the seasonal naive forecast")] = 24,
        validation: Annotated[Share, Field(description="fraction of the rows for validation")] = 0.15,
        test: Annotated[Share, Field(description="fraction of the rows for test")] = 0.15,
    ) -> None:
        if validation + test >= 1:
            message = f"validation = {validation} and test = {test} leave no rows for training"
            raise InvalidOption(f"TimeSeries: {message}; their sum must be below 1")
        self.path = path = file or cast(Path, resources.files(__package__).joinpath("example.csv"))
        series, self.columns = read_series(path, columns)
        cut = Cut(window, tuple(range(1, horizon + 1)), 1, _parts(len(series), validation, test))
        self.season = season
        _check_length(path, len(series), cut, season)
        _check_change(path, series[: cut.parts["train"][1]], self.columns)
        super().__init__(series, cut)
        known = self.series[: cut.parts["train"][1]]
        self.naive_error = (known[season:] - known[:-season]).abs().mean(0)  # (C,)
        _check_season(path, self.naive_error, self.columns)

    def measured(self, errors: Tensor) -> dict[str, Score]:
        """Return scaled_error, squared_error and the absolute_error of each column."""
        absolute, each = errors.abs(), errors[..., 0].numel()
        by_column = (absolute.sum((0, 1)).cpu() * self.deviation).tolist()
        scaled = (absolute.sum((0, 1)).cpu() / self.naive_error).sum()
        return {
            "scaled_error": Score(float(scaled), errors.numel()),
            **super().measured(errors),
            **{
                f"absolute_error_{c}": Score(total, each)
                for c, total in zip(self.columns, by_column, strict=True)
            },
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what naive forecasts score over the whole test part."""
        return {
            "constant": self.constant(),
            "persistence": self.naive(),
            "seasonal-naive": self.naive(self.season),
        }


def _parts(rows: int, validation: float, test: float) -> dict[Split, tuple[int, int]]:
    after = rows - round(rows * test)
    first = after - round(rows * validation)
    return {"train": (0, first), "validation": (first, after), "test": (after, rows)}


def _check_length(path: Path, rows: int, cut: Cut, season: int) -> None:
    short = [split for split in cut.parts if not len(cut.ends(split))]
    if short:
        first, after = cut.parts[short[0]]
        message = (
            f"{path} has {rows:,} rows, of which {after - first:,} are for {short[0]}: too few for windows of"
        )
        message += f" {cut.window} steps and a horizon of {len(cut.offsets)}"
        raise InvalidInput(f"{message}; make task.window, task.horizon or the other shares smaller")
    if cut.parts["train"][1] <= season:
        message = (
            f"{path} has {cut.parts['train'][1]:,} rows for training, less than one season of {season} steps"
        )
        raise InvalidInput(f"{message}; make task.season smaller")


def _check_change(path: Path, known: Tensor, columns: tuple[str, ...]) -> None:
    same = (known == known[0]).all(0)
    if bool(same.any()):
        name = columns[int(torch.nonzero(same)[0])]
        raise InvalidInput(
            f"column '{name}' of {path} never changes in the training part; leave it out with task.columns"
        )


def _check_season(path: Path, naive_error: Tensor, columns: tuple[str, ...]) -> None:
    if bool((naive_error == 0).any()):
        name = columns[int(torch.nonzero(naive_error == 0)[0])]
        message = f"column '{name}' of {path} is the same in every season of the training part"
        raise InvalidInput(f"{message}, so that nothing is left to forecast; leave it out with task.columns")
