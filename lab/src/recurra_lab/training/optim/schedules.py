"""Learning-rate schedules and their options."""

from __future__ import annotations

import abc
from typing import Annotated, Literal

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, StepLR

from recurra.errors import InvalidOption
from recurra_lab.extensions.choices import Installed
from recurra_lab.training.optim.choice import Choice

Steps = Annotated[int, Field(gt=0)] | None


class ScheduleOptions(Choice, abc.ABC):
    """Base class of schedules, including those of plugins: a pydantic model of the options, with `build`.

    A subclass declares `name: Literal["..."]` and its other options.
    """

    @abc.abstractmethod
    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run with `updates` updates, or None if unknown."""


class Constant(ScheduleOptions):
    """Constant rate after an optional linear warm-up."""

    name: Literal["constant"] = "constant"
    warmup: Annotated[int, Field(ge=0, description="updates of linear warm-up from zero")] = 0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run with `updates` updates, or None if unknown."""
        return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (self.warmup + 1)))


class Cosine(ScheduleOptions):
    """Cosine annealing from the full rate to `floor`."""

    name: Literal["cosine"] = "cosine"
    steps: Annotated[
        Steps, Field(description="updates until the end of annealing; none: those of the run")
    ] = None
    floor: Annotated[float, Field(ge=0, description="final learning rate")] = 0.0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run with `updates` updates, or None if unknown."""
        return CosineAnnealingLR(optimizer, _length(self.steps, updates), self.floor)


class Step(ScheduleOptions):
    """Multiplied by `factor` every `every` updates."""

    name: Literal["step"] = "step"
    every: Annotated[int, Field(gt=0, description="updates between changes of the rate")]
    factor: Annotated[float, Field(gt=0, lt=1, description="factor that the rate is multiplied by")] = 0.1

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run with `updates` updates, or None if unknown."""
        return StepLR(optimizer, self.every, self.factor)


class OneCycle(ScheduleOptions):
    """One-cycle policy: up to the full rate and down again (Smith and Topin 2018)."""

    name: Literal["one-cycle"] = "one-cycle"
    steps: Annotated[Steps, Field(description="updates of the whole cycle; none: those of the run")] = None
    rise: Annotated[
        float, Field(gt=0, lt=1, description="fraction of the cycle in which the rate increases")
    ] = 0.3

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run with `updates` updates, or None if unknown."""
        rates = [group["lr"] for group in optimizer.param_groups]
        steps = _length(self.steps, updates)
        return OneCycleLR(optimizer, rates, steps, pct_start=self.rise, cycle_momentum=False)


def _length(steps: int | None, updates: int | None) -> int:
    if steps is None and updates is None:
        raise InvalidOption("trainer.schedule.steps must be set, because the number of updates is unknown")
    return steps or updates or 0


ScheduleChoice = Annotated[ScheduleOptions, Installed("schedule", ScheduleOptions)]
"""The type of an option that takes any installed schedule."""
