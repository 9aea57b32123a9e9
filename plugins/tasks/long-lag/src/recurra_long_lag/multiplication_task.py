"""The multiplication problem: experiment 5 of the LSTM paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field

from recurra import Batch, Goal, Task
from recurra_long_lag.judged import ALL_RIGHT, Judged, Tolerance
from recurra_long_lag.marked_pairs import Length, draw_marked, neutral_share

JUDGED = 2000
"""Number of sequences among which the paper counts the wrong ones."""


class Multiplication(Judged):
    """Multiply the two marked numbers of a long sequence, and output the product at its end.

    Each step has a number X, uniform from 0 to 1, and a marker. One of the first ten pairs is marked with 1,
    then one of the first T / 2 − 1 pairs that is still unmarked. The first and the last pair have the marker
    −1, all others 0. Lengths are uniform from T to T + T / 10. The target at the last step is X_1 X_2, from a
    logistic output; if the first pair is marked, its number counts as 1. A sequence is correct if its error
    is below 0.04.

    Shapes: x (B, T, 2), number and marker; y (B, T, 1), logits.
    Scores: wrong_share, the fraction of sequences that are not correct; squared_error and absolute_error, the
    mean at the last step.
    Goal: fewer than 140 of 2,000 sequences wrong; in the paper's longer training, fewer than 13.
    Differs from the paper: the paper does not say what happens if the second choice is the first pair; here
    its number counts as 1 as well. The published MSE is not consistent with the published number of wrong
    sequences, so compare wrong_share.
    Source: Hochreiter and Schmidhuber 1997, experiment 5, T = 100.
    """

    stream = "Multiplication"

    def __init__(
        self,
        *,
        length: Length = 100,
        allowed: Annotated[
            Literal[140, 13],
            Field(description="n_seq: solved if fewer than this of 2,000 sequences are wrong"),
        ] = 140,
        tolerance: Tolerance = 0.04,
    ) -> None:
        super().__init__(2, 1, tolerance)
        self.length = length
        self.goal = Goal("wrong_share", below=allowed / JUDGED)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw sequences and their products."""
        drawn = draw_marked(self.length, batch_size, 0.0, 1.0, rng)
        return drawn.asking(drawn.numbers.prod(1))

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of always predicting the mean, and of the correct answer."""
        single = neutral_share(self.length)  # only one number counts
        mean = single / 2 + (1 - single) / 4
        near, far = max(mean - self.tolerance, 0), min(mean + self.tolerance, 1)
        right = single * (far - near) + (1 - single) * (_product_below(far) - _product_below(near))
        constant = {
            "wrong_share": 1 - right,
            "squared_error": single / 3 + (1 - single) / 9 - mean**2,
        }
        return {"constant": constant, "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return T = 100, as in the paper."""
        return {"length-100": self.altered(length=100)}


def _product_below(z: float) -> float:
    """Return the probability that the product of two numbers, uniform from 0 to 1, is below z."""
    return z * (1 - math.log(z)) if z > 0 else 0.0
