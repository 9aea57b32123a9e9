"""What each series has in its training part, and whether that is enough to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recurra import InvalidInput
from recurra_prediction.scaling import Scale, scale_of
from recurra_prediction.series_file import OneSeries
from recurra_prediction.windows import Cut

LEAVE_OUT = "leave it out with task.columns"


def check_parts(read: Sequence[OneSeries], cuts: Sequence[Cut], targets: Sequence[str], season: int) -> None:
    """Check that every series is long enough, and that every target changes in its training part.

    Raises:
        InvalidInput: One is not, or does not.
    """
    for one, cut in zip(read, cuts, strict=True):
        _check_length(one, cut, season)
        _check_change(one, training(one, cut), targets)


def training(one: OneSeries, cut: Cut) -> Tensor:
    """Return the training part of a series, (N, C)."""
    return one.values[: cut.parts["train"][1] - cut.start]


def scales_of(read: Sequence[OneSeries], cuts: Sequence[Cut], targets: int) -> list[Scale]:
    """Return the scale of each series: its own for the targets, one for all series for the covariates.

    A covariate that never changes in training is only shifted.
    """
    parts = [training(one, cut) for one, cut in zip(read, cuts, strict=True)]
    others = scale_of(torch.cat([part[:, targets:] for part in parts]))
    mean = torch.where(others.mean.isnan(), 0, others.mean)
    deviation = torch.where(others.deviation > 0, others.deviation, 1)
    own = [scale_of(part[:, :targets]) for part in parts]
    return [Scale(torch.cat([scale.mean, mean]), torch.cat([scale.deviation, deviation])) for scale in own]


def naive_errors(series: Tensor, cuts: Sequence[Cut], season: int) -> Tensor:
    """Return the mean absolute error of scaled targets one season ahead, in training: (N, C) -> (S, C)."""
    known = [series[cut.start : cut.parts["train"][1]] for cut in cuts]
    return torch.stack([_mean((part[season:] - part[:-season]).abs()) for part in known])


def check_seasons(read: Sequence[OneSeries], naive: Tensor, targets: Sequence[str]) -> None:
    """Check that the naive forecast of every target has an error, by which others can be measured.

    Raises:
        InvalidInput: It is 0, or nothing is known one season after a known value.
    """
    for one, errors in zip(read, naive.tolist(), strict=True):
        wrong = next((name for name, error in zip(targets, errors, strict=True) if not error > 0), None)
        if wrong is not None:
            message = f"column '{wrong}' of {one.where} is the same in every season of the training part"
            raise InvalidInput(f"{message}, so that nothing is left to forecast; {LEAVE_OUT}")


def _mean(errors: Tensor) -> Tensor:
    return errors.nanmean(0) if bool(errors.isnan().any()) else errors.mean(0)


def _check_length(one: OneSeries, cut: Cut, season: int) -> None:
    short = next((split for split in cut.parts if not len(cut.ends(split))), None)
    if short is not None:
        first, after = cut.parts[short]
        message = f"{one.where} has too few rows for {short}, {after - first:,} of {one.seen:,},"
        message += f" for windows of {cut.window} steps and a horizon of {len(cut.offsets)}"
        raise InvalidInput(f"{message}; make task.window, task.horizon or the other shares smaller")
    rows = cut.parts["train"][1] - cut.start
    if rows <= season:
        message = f"{one.where} has {rows:,} rows for training, less than one season of {season} steps"
        raise InvalidInput(f"{message}; make task.season smaller")


def _check_change(one: OneSeries, part: Tensor, targets: Sequence[str]) -> None:
    for channel, name in enumerate(targets):
        values = part[:, channel]
        values = values[~values.isnan()]
        if len(values) == 0 or bool((values == values[0]).all()):
            what = "never changes" if len(values) else "has no value"
            raise InvalidInput(f"column '{name}' of {one.where} {what} in the training part; {LEAVE_OUT}")
