"""What a forecast puts out for each value, and how it is learned: a number, quantiles, or a distribution."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Laplace, Normal
from torch.nn.functional import softplus

from recurra import InvalidOption, Score

Loss = Literal["squared", "quantile", "normal", "laplace"]
DISTRIBUTIONS: Mapping[str, type[Normal] | type[Laplace]] = {"normal": Normal, "laplace": Laplace}
LEAST_SCALE = 1e-4
"""Of a distribution, in deviations of the training part, so that a likelihood stays finite."""


class ValueLoss(abc.ABC):
    """The loss of forecast values, each described by P outputs of the network.

    Args:
        levels: Q quantiles that a forecast states, ascending; empty if it is a number alone.
        size: P.
    """

    def __init__(self, levels: tuple[float, ...], size: int) -> None:
        self.levels, self.size = levels, size

    @abc.abstractmethod
    def loss(self, outputs: Tensor, due: Tensor) -> Tensor:
        """Return the mean loss: outputs (n, P), due (n,) -> ()."""

    @abc.abstractmethod
    def point(self, outputs: Tensor) -> Tensor:
        """Return the point forecast: (..., P) -> (...)."""

    @abc.abstractmethod
    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return the quantiles: (..., P) -> (..., Q), ascending."""

    @abc.abstractmethod
    def certain(self, due: Tensor) -> Tensor:
        """Return the outputs of somebody who knows the value: (...) -> (..., P)."""

    def scores(self, outputs: Tensor, due: Tensor) -> dict[str, Score]:
        """Return the scores of quantiles: outputs (n, P), due (n,).

        pinball: the mean pinball loss over the levels, in deviations of training; coverage_LEVEL: the share
        of values not above the quantile.
        """
        if not self.levels:
            return {}
        quantiles, n = self.quantiles(outputs.double()), len(due)
        lost = pinball(quantiles, due.double(), self.levels)
        below = (due[:, None] <= quantiles).sum(0).tolist()
        covered = {
            f"coverage_{level:g}": Score(float(hits), n)
            for level, hits in zip(self.levels, below, strict=True)
        }
        return {"pinball": Score(float(lost.sum()), lost.numel()), **covered}


class Squared(ValueLoss):
    """One number for each value, learned by the squared error."""

    def __init__(self) -> None:
        super().__init__((), 1)

    def loss(self, outputs: Tensor, due: Tensor) -> Tensor:
        """Return the mean squared error."""
        return (outputs[:, 0] - due).square().mean()

    def point(self, outputs: Tensor) -> Tensor:
        """Return the number."""
        return outputs[..., 0]

    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return nothing, (..., 0)."""
        return outputs[..., :0]

    def certain(self, due: Tensor) -> Tensor:
        """Return the value."""
        return due[..., None]


class Quantiles(ValueLoss):
    """An output for each quantile, learned by the pinball loss of Koenker and Bassett 1978.

    Nothing keeps the outputs in order: the score `crossing` is the share of neighbouring pairs that are not,
    and `quantiles` sorts them, which never makes the pinball loss larger (Chernozhukov et al. 2010).

    Args:
        levels: The quantiles; the point forecast is the median, which must be one of them.

    Raises:
        InvalidOption: The median is missing.
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__(levels, len(levels))
        if 0.5 not in levels:
            message = f"TimeSeries: quantiles = {list(levels)} lack the median, 0.5"
            raise InvalidOption(f"{message}, which is the point forecast of task.loss=quantile; add it")
        self.median = levels.index(0.5)

    def loss(self, outputs: Tensor, due: Tensor) -> Tensor:
        """Return the mean pinball loss over values and quantiles."""
        return pinball(outputs, due, self.levels).mean()

    def point(self, outputs: Tensor) -> Tensor:
        """Return the median."""
        return self.quantiles(outputs)[..., self.median]

    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return the outputs in order."""
        return outputs.sort(-1).values

    def certain(self, due: Tensor) -> Tensor:
        """Return the value for every quantile."""
        return due[..., None].repeat(*[1] * due.dim(), self.size)

    def scores(self, outputs: Tensor, due: Tensor) -> dict[str, Score]:
        """Return the scores of quantiles, and `crossing`."""
        pairs = outputs[:, 1:] < outputs[:, :-1]
        crossing = {"crossing": Score(float(pairs.sum()), pairs.numel())} if pairs.numel() else {}
        return {**super().scores(outputs, due), **crossing}


class Likelihood(ValueLoss):
    """The location and the scale of a symmetric distribution, learned by maximum likelihood.

    The outputs are μ and s; the scale is softplus(s) + LEAST_SCALE. The point forecast is μ.

    Args:
        name: A key of DISTRIBUTIONS.
        levels: The quantiles that a forecast states.
    """

    def __init__(self, name: str, levels: tuple[float, ...]) -> None:
        super().__init__(levels, 2)
        self.family = DISTRIBUTIONS[name]

    def distribution(self, outputs: Tensor) -> Any:
        """Return the distribution of each value: (..., 2) -> (...)."""
        location, scale = outputs.unbind(-1)
        return self.family(location, softplus(scale) + LEAST_SCALE, validate_args=False)

    def loss(self, outputs: Tensor, due: Tensor) -> Tensor:
        """Return the mean negative log-likelihood in nats."""
        nats: Tensor = -self.distribution(outputs).log_prob(due).mean()
        return nats

    def point(self, outputs: Tensor) -> Tensor:
        """Return the location."""
        return outputs[..., 0]

    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return the quantiles of the distribution."""
        levels = torch.tensor(self.levels, dtype=outputs.dtype, device=outputs.device)
        quantiles: Tensor = self.distribution(outputs[..., None, :]).icdf(levels)
        return quantiles

    def certain(self, due: Tensor) -> Tensor:
        """Return the value, and a small scale."""
        return torch.stack([due, torch.full_like(due, -5)], -1)

    def scores(self, outputs: Tensor, due: Tensor) -> dict[str, Score]:
        """Return the scores of quantiles, and `nats`, the negative log-likelihood of a scaled value."""
        nats = -self.distribution(outputs.double()).log_prob(due.double())
        return {"nats": Score(float(nats.sum()), len(due)), **super().scores(outputs, due)}


def loss_of(name: Loss, levels: tuple[float, ...]) -> ValueLoss:
    """Return a loss by its name.

    Raises:
        InvalidOption: The quantiles do not ascend, or lack the median where it is needed.
    """
    if list(levels) != sorted(set(levels)):
        raise InvalidOption(f"TimeSeries: quantiles = {list(levels)} must ascend, each once")
    if name == "squared":
        return Squared()
    return Quantiles(levels) if name == "quantile" else Likelihood(name, levels)


def pinball(quantiles: Tensor, due: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Return max(q e, (q − 1) e) with e = due − quantile: quantiles (n, Q), due (n,) -> (n, Q)."""
    q = torch.tensor(levels, dtype=quantiles.dtype, device=quantiles.device)
    error = due[:, None] - quantiles
    return torch.maximum(q * error, (q - 1) * error)
