"""Mean and deviation of columns, of the training part alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Scale(NamedTuple):
    """Shifts and scales columns to mean 0 and standard deviation 1.

    Shapes: mean, deviation (C,), float64.
    """

    mean: Tensor
    deviation: Tensor

    def scaled(self, values: Tensor) -> Tensor:
        """Return values (..., C) in deviations from the mean."""
        return (values - self.mean) / self.deviation

    def in_units(self, scaled: Tensor) -> Tensor:
        """Return scaled values (..., C) in the units of the columns."""
        return scaled * self.deviation + self.mean


def scale_of(part: Tensor) -> Scale:
    """Return the scale of values (N, C); missing ones, NaN, are left out.

    Exact sums, so that every machine finds the same bits.
    """
    known = [[value for value in column if value == value] for column in part.T.tolist()]
    means = [_mean(column) for column in known]
    squares = [_mean([_square(v - mean) for v in column]) for column, mean in zip(known, means, strict=True)]
    deviations = [math.sqrt(square) for square in squares]
    return Scale(torch.tensor(means, dtype=part.dtype), torch.tensor(deviations, dtype=part.dtype))


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _square(x: float) -> float:
    return x * x  # not **, which a library rounds in its own way
