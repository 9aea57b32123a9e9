"""A complex state as a pair of real tensors, and its recurrence."""

from typing import NamedTuple

import torch
from torch import Tensor


class ComplexState(NamedTuple):
    """The state s: its real part re and imaginary part im, (B, N) or (B, H, N) each."""

    re: Tensor
    im: Tensor


def product(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the elementwise product of two complex numbers, as real and imaginary part; they broadcast."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def moduli(state: ComplexState) -> Tensor:
    """Return the absolute values (B, n), one for each complex number."""
    return torch.sqrt(state.re * state.re + state.im * state.im).flatten(1)
