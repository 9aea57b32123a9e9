"""What can be chosen about an update: the optimiser, and how its learning rate changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, StepLR

from recurra.errors import InvalidOption
from recurra_bptt.graves import GravesRMSProp

Rate = Annotated[float, Field(gt=0, description="learning rate")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[Fraction, Field(description="share of the last update that goes on")]
Steps = Annotated[int, Field(gt=0)] | None
Decay = Annotated[float, Field(ge=0, description="L2 penalty on the weights")]


class Choice(BaseModel):
    """One alternative, told from the others by its `name`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    def arguments(self) -> dict[str, Any]:
        """Return every option but the name."""
        return self.model_dump(exclude={"name"})


class Adam(Choice):
    """Adam (Kingma and Ba 2015); AdamW's decoupled decay when `weight_decay` is set."""

    name: Literal["adam"] = "adam"
    lr: Rate = 4e-3
    beta1: Annotated[Fraction, Field(description="decay of the mean of the gradient")] = 0.9
    beta2: Annotated[Fraction, Field(description="decay of the mean of its square")] = 0.999
    eps: Annotated[float, Field(gt=0, description="added to the root")] = 1e-8
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        betas = (self.beta1, self.beta2)
        return torch.optim.AdamW(params, self.lr, betas, self.eps, self.weight_decay)


class SGD(Choice):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.0
    nesterov: Annotated[bool, Field(description="Nesterov's momentum")] = False
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.SGD(params, **self.arguments())


class RMSprop(Choice):
    """RMSprop as torch has it."""

    name: Literal["rmsprop"] = "rmsprop"
    lr: Rate = 1e-3
    alpha: Annotated[Fraction, Field(description="decay of the mean of the squared gradient")] = 0.99
    momentum: Momentum = 0.0
    eps: Annotated[float, Field(gt=0, description="added to the root")] = 1e-8
    centered: Annotated[
        bool, Field(description="divide by the deviation instead of the root mean square")
    ] = False
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.RMSprop(params, **self.arguments())


class Graves(Choice):
    """RMSProp of Graves 2013: centred, epsilon inside the root, momentum on the update."""

    name: Literal["graves-rmsprop"] = "graves-rmsprop"
    lr: Rate = 1e-4
    decay: Annotated[Fraction, Field(description="decay of both running means")] = 0.95
    momentum: Momentum = 0.9
    epsilon: Annotated[float, Field(gt=0, description="added inside the root")] = 1e-4

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return GravesRMSProp(params, **self.arguments())


class Constant(Choice):
    """The same rate throughout, after an optional warm-up."""

    name: Literal["constant"] = "constant"
    warmup: Annotated[int, Field(ge=0, description="updates over which the rate rises from zero")] = 0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (self.warmup + 1)))


class Cosine(Choice):
    """From the full rate down to a share of it, along a cosine."""

    name: Literal["cosine"] = "cosine"
    steps: Annotated[Steps, Field(description="updates of the whole descent; none: the run's")] = None
    floor: Annotated[float, Field(ge=0, description="the last rate")] = 0.0

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return CosineAnnealingLR(optimizer, _length(self.steps, updates), self.floor)


class Step(Choice):
    """Multiplied by `factor` every so many updates."""

    name: Literal["step"] = "step"
    every: Annotated[int, Field(gt=0, description="updates between two changes")]
    factor: Annotated[float, Field(gt=0, lt=1, description="what the rate is multiplied by")] = 0.1

    def build(self, optimizer: Optimizer, updates: int | None) -> LRScheduler:
        """Return the scheduler of a run of so many updates, which may be unknown."""
        return StepLR(optimizer, self.every, self.factor)


class OneCycle(Choice):
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


OptimizerChoice = Annotated[Adam | SGD | RMSprop | Graves, Field(discriminator="name")]
ScheduleChoice = Annotated[Constant | Cosine | Step | OneCycle, Field(discriminator="name")]
