"""What a network reads at a step: targets and covariates, and which of them are missing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Channels:
    """The input channels of a series.

    First the scaled targets, past and future covariates of the step; then the future covariates of each of
    the next K steps; then, if `marked`, a channel for each of these that is 1 where the value is missing, in
    which case the value itself is 0, the mean.

    Args:
        future: How many columns, the last ones, are future covariates.
        horizon: K.
        marked: Whether missing values are marked; otherwise none may be missing where a window lies.
    """

    future: int
    horizon: int
    marked: bool

    def of(self, scaled: Tensor) -> Tensor:
        """Return the channels of a series: (N, C) -> (N, I)."""
        covariates = scaled[:, scaled.shape[1] - self.future :]
        steps = range(1, self.horizon + 1) if self.future else ()
        x = torch.cat([scaled, *(_earlier(covariates, step) for step in steps)], 1)
        return torch.cat([torch.where(x.isnan(), 0, x), x.isnan().to(x)], 1) if self.marked else x


def _earlier(values: Tensor, steps: int) -> Tensor:
    """Return values that come some steps later, NaN after the end."""
    lost = torch.full_like(values[:steps], torch.nan)
    return torch.cat([values[steps:], lost])
