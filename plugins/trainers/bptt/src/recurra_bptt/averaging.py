"""Averages of the weights along the way, with which a network is evaluated and saved."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from pydantic import Field
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from recurra_lab import Choice

Decay = Annotated[float, Field(gt=0, lt=1, description="decay of the average at every update")]
Start = Annotated[int, Field(ge=0, description="number of training batches before averaging begins")]


class NoAverage(Choice):
    """The weights as they are."""

    name: Literal["none"] = "none"

    @property
    def start(self) -> int:
        """Never."""
        return sys.maxsize

    def build(self, model: nn.Module) -> None:
        """Return nothing, since nothing is averaged."""


class Exponential(Choice):
    """Exponential moving average (Polyak and Juditsky 1992, with a fading memory)."""

    name: Literal["ema"] = "ema"
    decay: Decay = 0.999
    start: Start = 0

    def build(self, model: nn.Module) -> AveragedModel:
        """Return the average of a model's weights, which are still its first."""
        average = get_ema_multi_avg_fn(self.decay)  # type: ignore[no-untyped-call]
        return AveragedModel(model, multi_avg_fn=average).requires_grad_(False)


class Stochastic(Choice):
    """Stochastic weight averaging: the mean of all weights since `start` (Izmailov et al. 2018)."""

    name: Literal["swa"] = "swa"
    start: Start = 0

    def build(self, model: nn.Module) -> AveragedModel:
        """Return the average of a model's weights, which are still its first."""
        return AveragedModel(model).requires_grad_(False)


AveragingChoice = Annotated[NoAverage | Exponential | Stochastic, Field(discriminator="name")]
