"""What raw head parameters pass through; the paper gives the ranges and leaves the functions open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import hardsigmoid, softplus

Positive = Literal["softplus", "relu"]
Unit = Literal["logistic", "hard"]
Free = Literal["tanh", "logistic", "identity"]

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softplus": softplus,
    "relu": torch.relu,
    "logistic": torch.sigmoid,
    "hard": hardsigmoid,
    "tanh": torch.tanh,
    "identity": torch.positive,
}


def squash(name: Positive | Unit | Free, v: Tensor) -> Tensor:
    """Apply the named function to each number of v: `hard` is max(0, min(1, v / 6 + 1 / 2))."""
    return _FUNCTIONS[name](v)
