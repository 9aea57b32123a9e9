"""How a learning rate changes."""

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
    """Base of all schedules, also of those in plugins: a pydantic model of its options with a `build`.

    A subclass declares `name: Literal["..."]` and whatever else it takes.
    """

    @abc.abstractmethod
    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""


class Constant(ScheduleOptions):
    """The same rate throughout, after an optional warm-up."""

    name: Literal["constant"] = "constant"
    warmup: Annotated[int, Field(ge=0, description="updates over which the rate rises from zero")] = 0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (self.warmup + 1)))


class Cosine(ScheduleOptions):
    """From the full rate down to a share of it, along a cosine."""

    name: Literal["cosine"] = "cosine"
    steps: Annotated[Steps, Field(description="updates of the whole descent; none: the run's")] = None
    floor: Annotated[float, Field(ge=0, description="the last rate")] = 0.0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return CosineAnnealingLR(optimizer, _length(self.steps, updates), self.floor)


class Step(ScheduleOptions):
    """Multiplied by `factor` every so many updates."""

    name: Literal["step"] = "step"
    every: Annotated[int, Field(gt=0, description="updates between two changes")]
    factor: Annotated[float, Field(gt=0, lt=1, description="what the rate is multiplied by")] = 0.1

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return StepLR(optimizer, self.every, self.factor)


class OneCycle(ScheduleOptions):
    """Up to the full rate and down again (Smith and Topin 2018)."""

    name: Literal["one-cycle"] = "one-cycle"
    steps: Annotated[Steps, Field(description="updates of the whole cycle; none: those of the run")] = None
    rise: Annotated[float, Field(gt=0, lt=1, description="share of the cycle in which the rate rises")] = 0.3

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        rates = [group["lr"] for group in optimizer.param_groups]
        steps = _length(self.steps, updates)
        return OneCycleLR(optimizer, rates, steps, pct_start=self.rise, cycle_momentum=False)


def _length(steps: int | None, updates: int | None) -> int:
    if steps is None and updates is None:
        raise InvalidOption("trainer.schedule.steps is needed where there is no run that says how long it is")
    return steps or updates or 0


ScheduleChoice = Annotated[ScheduleOptions, Installed("schedule", ScheduleOptions)]
"""The type of an option that takes any installed schedule."""
