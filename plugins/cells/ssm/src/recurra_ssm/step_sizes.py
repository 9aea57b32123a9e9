"""Initial step sizes Δ, spread evenly over orders of magnitude, as all S4 models have them."""

import math

import torch
from torch import Tensor

SMALLEST = 1e-4
"""The floor of Δ in Mamba's code."""


def log_step_sizes(count: int, low: float, high: float) -> Tensor:
    """Return log Δ (count,), with Δ log-uniform in [low, high]."""
    return torch.empty(count).uniform_(math.log(low), math.log(high))


def before_softplus(count: int, low: float, high: float) -> Tensor:
    """Return b (count,) such that softplus(b) is log-uniform in [low, high], and at least 1e-4."""
    dt = log_step_sizes(count, low, high).exp().clamp(min=SMALLEST)
    return dt + torch.log(-torch.expm1(-dt))
