"""Optimizers and their options."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch.optim import Optimizer

from recurra_lab.extensions.choices import Installed
from recurra_lab.training.optim.choice import Choice
from recurra_lab.training.optim.graves import GravesRMSProp

Rate = Annotated[float, Field(gt=0, description="learning rate")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[Fraction, Field(description="momentum factor")]
Decay = Annotated[float, Field(ge=0, description="weight decay")]


class OptimizerOptions(Choice, abc.ABC):
    """Base class of optimizers, including those of plugins: a pydantic model of the options, with `build`.

    A subclass declares `name: Literal["..."]`, `lr` and its other options.

    Attributes:
        elementwise: Whether the update of a weight depends on the gradients of that weight alone, so that
            stacked weights of several networks are updated as each would be alone.
    """

    elementwise: ClassVar[bool] = False

    if TYPE_CHECKING:
        lr: float

    @abc.abstractmethod
    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer for parameters, or for parameter groups, which may override `lr`."""


class Adam(OptimizerOptions):
    """Adam (Kingma and Ba 2015); with `weight_decay`, AdamW (decoupled decay)."""

    elementwise = True
    name: Literal["adam"] = "adam"
    lr: Rate = 4e-3
    beta1: Annotated[Fraction, Field(description="decay of the first moment estimate")] = 0.9
    beta2: Annotated[Fraction, Field(description="decay of the second moment estimate")] = 0.999
    eps: Annotated[float, Field(gt=0, description="added to the denominator for stability")] = 1e-8
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters."""
        betas = (self.beta1, self.beta2)
        return torch.optim.AdamW(params, self.lr, betas, self.eps, self.weight_decay)


class SGD(OptimizerOptions):
    """Stochastic gradient descent."""

    elementwise = True
    name: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.0
    nesterov: Annotated[bool, Field(description="use Nesterov momentum")] = False
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters."""
        return torch.optim.SGD(params, **self.arguments())


class RMSprop(OptimizerOptions):
    """RMSprop as implemented in PyTorch."""

    elementwise = True
    name: Literal["rmsprop"] = "rmsprop"
    lr: Rate = 1e-3
    alpha: Annotated[Fraction, Field(description="decay of the running mean of squared gradients")] = 0.99
    momentum: Momentum = 0.0
    eps: Annotated[float, Field(gt=0, description="added to the denominator for stability")] = 1e-8
    centered: Annotated[
        bool, Field(description="centred: normalise by the estimated variance of the gradient")
    ] = False
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters."""
        return torch.optim.RMSprop(params, **self.arguments())


class Graves(OptimizerOptions):
    """RMSProp of Graves 2013: centred, epsilon inside the square root, momentum on the update."""

    elementwise = True
    name: Literal["graves-rmsprop"] = "graves-rmsprop"
    lr: Rate = 1e-4
    decay: Annotated[Fraction, Field(description="decay of both running means")] = 0.95
    momentum: Momentum = 0.9
    epsilon: Annotated[float, Field(gt=0, description="added inside the square root for stability")] = 1e-4

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters."""
        return GravesRMSProp(params, **self.arguments())


class AdaGrad(OptimizerOptions):
    """AdaGrad (Duchi, Hazan and Singer 2011): per-weight rates fall with accumulated squared gradients."""

    elementwise = True
    name: Literal["adagrad"] = "adagrad"
    lr: Rate = 1e-2
    eps: Annotated[float, Field(gt=0, description="added to the denominator for stability")] = 1e-10
    weight_decay: Decay = 0.0

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters."""
        return torch.optim.Adagrad(params, **self.arguments())


class LBFGS(OptimizerOptions):
    """L-BFGS with line search: each batch is a full problem, on which it takes several iterations."""

    name: Literal["lbfgs"] = "lbfgs"
    lr: Rate = 1.0
    max_iter: Annotated[int, Field(gt=0, description="maximum iterations per batch")] = 20
    history_size: Annotated[int, Field(gt=0, description="past updates used to estimate the curvature")] = 10

    def build(self, params: Iterable[Any]) -> Optimizer:
        """Return the optimizer of these parameters; it ignores parameter groups."""
        groups = [group["params"] if isinstance(group, dict) else [group] for group in params]
        weights = [weight for group in groups for weight in group]
        return torch.optim.LBFGS(weights, **self.arguments(), line_search_fn="strong_wolfe")


OptimizerChoice = Annotated[OptimizerOptions, Installed("optimizer", OptimizerOptions, needed=("lr",))]
"""The type of an option that takes any installed optimizer."""
