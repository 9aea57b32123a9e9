"""What turns gradients into updates."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field
from torch.optim import Optimizer

from recurra_lab.extensions.choices import Installed
from recurra_lab.training.optim.choice import Choice
from recurra_lab.training.optim.graves import GravesRMSProp

Rate = Annotated[float, Field(gt=0, description="learning rate")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[Fraction, Field(description="share of the last update that goes on")]
Decay = Annotated[float, Field(ge=0, description="L2 penalty on the weights")]


class OptimizerOptions(Choice, abc.ABC):
    """Base of all optimizers, also of those in plugins: a pydantic model of its options with a `build`.

    A subclass declares `name: Literal["..."]`, `lr` and whatever else it takes.
    """

    if TYPE_CHECKING:
        lr: float

    @abc.abstractmethod
    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer for parameters, or groups of them that may set `lr`."""


class Adam(OptimizerOptions):
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


class SGD(OptimizerOptions):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.0
    nesterov: Annotated[bool, Field(description="Nesterov's momentum")] = False
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.SGD(params, **self.arguments())


class RMSprop(OptimizerOptions):
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


class Graves(OptimizerOptions):
    """RMSProp of Graves 2013: centred, epsilon inside the root, momentum on the update."""

    name: Literal["graves-rmsprop"] = "graves-rmsprop"
    lr: Rate = 1e-4
    decay: Annotated[Fraction, Field(description="decay of both running means")] = 0.95
    momentum: Momentum = 0.9
    epsilon: Annotated[float, Field(gt=0, description="added inside the root")] = 1e-4

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return GravesRMSProp(params, **self.arguments())


class AdaGrad(OptimizerOptions):
    """AdaGrad (Duchi, Hazan and Singer 2011): each weight's rate falls with the gradients it has seen."""

    name: Literal["adagrad"] = "adagrad"
    lr: Rate = 1e-2
    eps: Annotated[float, Field(gt=0, description="added to the root")] = 1e-10
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters."""
        return torch.optim.Adagrad(params, **self.arguments())


class LBFGS(OptimizerOptions):
    """L-BFGS with a line search: each batch is a whole problem, on which several steps are made."""

    name: Literal["lbfgs"] = "lbfgs"
    lr: Rate = 1.0
    max_iter: Annotated[int, Field(gt=0, description="steps on each batch")] = 20
    history_size: Annotated[int, Field(gt=0, description="steps that the curvature is estimated from")] = 10

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimiser for these parameters, which it treats alike."""
        groups = [group["params"] if isinstance(group, dict) else [group] for group in params]
        weights = [weight for group in groups for weight in group]
        return torch.optim.LBFGS(weights, **self.arguments(), line_search_fn="strong_wolfe")


OptimizerChoice = Annotated[OptimizerOptions, Installed("optimizer", OptimizerOptions, needed=("lr",))]
"""The type of an option that takes any installed optimizer."""
