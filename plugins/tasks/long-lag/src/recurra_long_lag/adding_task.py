"""The adding problem: experiment 4 of the LSTM paper, and its modern form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Task
from recurra_long_lag.judged import ALL_RIGHT, Judged, Tolerance
from recurra_long_lag.marked_pairs import Length, Marked, draw_marked, neutral_share

SUITE_LENGTHS = {"1997": (100, 500, 1000), "modern": (200, 400, 600)}


class Adding(Judged):
    """Add the two marked numbers of a long sequence, and output the sum at its end.

    1997: each step has a number X, uniform from −1 to 1, and a marker. One of the first ten pairs is marked
    with 1, then one of the first T / 2 − 1 pairs that is still unmarked. The first and the last pair have the
    marker −1, all others 0. Lengths are uniform from T to T + T / 10. The target at the last step is
    0.5 + (X_1 + X_2) / 4, from a logistic output; if the first pair is marked, its number counts as 0. A
    sequence is correct if its error is below 0.04.
    modern: each of T steps has a number, uniform from 0 to 1, and a marker, which is 1 in one pair of each
    half and 0 elsewhere. The target at the last step is X_1 + X_2, from a linear output.

    Shapes: x (B, T, 2), number and marker; y (B, T, 1), a logit in the form of 1997.
    Scores: wrong_share, the fraction of sequences that are not correct; squared_error and absolute_error, the
    mean at the last step. Always predicting the mean scores a squared_error of 1/6 in the modern form.
    Goal: no wrong sequence, as among the last 2,000 training sequences of the paper; modern: a squared_error
    below 0.01, a bound of our own.
    Differs from the paper: the paper also sets the marker of a chosen first pair to −1, but does not say what
    happens if the second choice is that pair; here its number counts as 0 as well. The paper's second
    condition, a mean training error below 0.01, is not required.
    Source: Hochreiter and Schmidhuber 1997, experiment 4; modern: Arjovsky, Shah and Bengio 2016.
    """

    stream = "Adding"

    def __init__(
        self,
        *,
        form: Annotated[Literal["1997", "modern"], Field(description="numbers, markers and target")] = "1997",
        length: Length = 100,
        tolerance: Tolerance = 0.04,
    ) -> None:
        super().__init__(2, 1, tolerance)
        self.length, self.modern, self.form = length, form == "modern", form
        if self.modern:
            self.goal = Goal("squared_error", below=0.01)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw sequences and their sums."""
        if self.modern:
            drawn = self._halves(batch_size, rng)
            return drawn.asking(drawn.numbers.sum(1))
        drawn = draw_marked(self.length, batch_size, -1.0, 0.0, rng)
        return drawn.asking(0.5 + drawn.numbers.sum(1) / 4)

    def _halves(self, batch_size: int, rng: torch.Generator) -> Marked:
        """Draw sequences of the modern form, with one marked pair in each half."""
        numbers, half = torch.rand(batch_size, self.length, generator=rng), self.length // 2
        first = torch.randint(half, (batch_size, 1), generator=rng)
        second = torch.randint(half, self.length, (batch_size, 1), generator=rng)
        places = torch.cat([first, second], 1)
        x = torch.stack([numbers, torch.zeros_like(numbers).scatter(1, places, 1.0)], -1)
        return Marked(x, torch.full((batch_size,), self.length), numbers.gather(1, places))

    def predict(self, y: Tensor) -> Tensor:
        """Return what is compared with the target: σ(y), in the modern form y."""
        return y if self.modern else super().predict(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the answer, for checks."""
        return batch.target if self.modern else super().oracle(batch)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of always predicting the mean, and of the correct answer."""
        single = 0.0 if self.modern else neutral_share(self.length)  # only one number counts
        # In units in which each number is uniform from −1 to 1.
        unit, bound = (0.5, 2 * self.tolerance) if self.modern else (0.25, 4 * self.tolerance)
        right = single * min(bound, 1) + (1 - single) * (1 - max(2 - bound, 0) ** 2 / 4)
        constant = {
            "wrong_share": 1 - right,
            "squared_error": unit**2 * (single / 3 + (1 - single) * 2 / 3),
            "absolute_error": unit * (single / 2 + (1 - single) * 2 / 3),
        }
        return {"constant": constant, "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return the lengths 100, 500 and 1,000; in the modern form 200, 400 and 600."""
        return {f"length-{n}": self.altered(length=n) for n in SUITE_LENGTHS[self.form]}
