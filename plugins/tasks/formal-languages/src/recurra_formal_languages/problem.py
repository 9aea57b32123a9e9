"""What a transduction of the Chomsky suite is: how its strings and answers are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Drawn(NamedTuple):
    """Strings and what is to be said of them.

    Shapes: symbols (B, n), numbers below `Problem.symbols`; answer (B, m), classes; due (B, m), true where
    the answer counts.
    """

    symbols: Tensor
    answer: Tensor
    due: Tensor


class Problem(NamedTuple):
    """One transduction.

    Args:
        symbols: How many symbols its strings have.
        classes: How many symbols its answers have.
        draw: (batch size, length n, rng) -> strings and answers.
        shortest: The least length for which it is defined.
    """

    symbols: int
    classes: int
    draw: Callable[[int, int, torch.Generator], Drawn]
    shortest: int = 1


def whole(symbols: Tensor, answer: Tensor) -> Drawn:
    """Return strings and answers that count from the first symbol to the last; a single one may be (B,)."""
    answer = answer if answer.dim() > 1 else answer[:, None]
    return Drawn(symbols, answer, torch.ones_like(answer, dtype=torch.bool))


def ended(symbols: Tensor, digits: Tensor, lengths: Tensor, end: int) -> Drawn:
    """Return answers of several lengths, digits (B, m), each followed by an end symbol, within m steps."""
    place = torch.arange(digits.shape[1])
    answer = torch.where(place < lengths[:, None], digits, 0)
    answer = torch.where(place == lengths[:, None], end, answer)
    return Drawn(symbols, answer, place <= lengths[:, None])
