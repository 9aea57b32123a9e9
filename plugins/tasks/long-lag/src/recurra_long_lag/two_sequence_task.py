"""The two-sequence problem: experiment 3 of the LSTM paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field

from recurra import Batch, Goal, Task
from recurra_long_lag.coding import last_steps, lengths_from
from recurra_long_lag.judged import ALL_RIGHT, NONE, Count, Judged, Loss, Tolerance, share_answer

SUITE_LENGTHS = {"3a": (100, 1000), "3b": (100, 1000), "3c": (100,)}
TARGETS = {"3a": (1.0, 0.0), "3b": (1.0, 0.0), "3c": (0.2, 0.8)}
"""Targets of the classes 1 and 2."""
TOLERANCES = {"3a": 0.2, "3b": 0.2, "3c": 0.1}
GOALS = {
    "3a": Goal("wrong_share", below=NONE),
    "3b": Goal("wrong_share", below=6 / 256),
    "3c": Goal("absolute_error", below=0.015),
}
TARGET_NOISE = 0.1
"""Variance of the noise on the targets of 3c."""


class TwoSequence(Judged):
    """Classify, at the end of a noisy sequence, whether it began with +1 (class 1) or −1 (class 2).

    The first N numbers of a sequence carry its class; all others are Gaussian noise of variance 0.2. Lengths
    are uniform from T to T + T / 10. The target at the last step is 1 for class 1 and 0 for class 2.
    3a: the first N numbers are +1 or −1.
    3b: the same noise is added to them.
    3c: as 3a, but the targets are 0.2 for class 1 and 0.8 for class 2, and Gaussian noise of variance 0.1 is
    added to the training targets.

    Shapes: x (B, T, 1), y (B, T, 1), logits; target (B, T, 1), in 3c (B, T, 2), with noise and without.
    Scores: wrong_share, the fraction of sequences with an error of 0.2 or more (3c: 0.1); absolute_error and
    squared_error, the mean at the last step (3c: with respect to the target without noise).
    Goal: the paper's criterion ST1, none of 256 sequences wrong (3b: fewer than 6); 3c: an absolute_error
    below 0.015. The paper's ST2 also requires an absolute_error below 0.01 (3b: 0.04).
    Source: Hochreiter and Schmidhuber 1997, experiment 3; 3a after Bengio, Simard and Frasconi 1994.
    """

    stream = "TwoSequence"

    def __init__(
        self,
        *,
        experiment: Annotated[
            Literal["3a", "3b", "3c"], Field(description="which of the three variants")
        ] = "3a",
        length: Annotated[Count, Field(description="T, length of the shortest sequence")] = 100,
        signal: Annotated[
            Count, Field(description="N, number of elements that carry the class; 1 and 3 in the paper")
        ] = 3,
        variance: Annotated[float, Field(gt=0, description="variance of the input noise")] = 0.2,
        tolerance: Annotated[Tolerance | None, Field(description="none: as in the paper")] = None,
        loss: Loss = "squared",
    ) -> None:
        super().__init__(1, 1, tolerance or TOLERANCES[experiment], loss)
        self.experiment, self.length, self.signal, self.variance = experiment, length, signal, variance
        self.goal = GOALS[experiment]

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, classes and noise, in this order."""
        lengths = lengths_from(self.length, batch_size, rng)
        kind = torch.randint(2, (batch_size, 1), generator=rng)  # 0 is class 1
        steps = int(lengths.max()) if batch_size else self.length
        t = torch.arange(steps)
        noise = torch.randn(batch_size, steps, generator=rng) * math.sqrt(self.variance)
        signal = 1.0 - 2.0 * kind + noise * (self.experiment == "3b")
        x = torch.where(t < self.signal, signal, noise) * (t < lengths[:, None])
        mask = last_steps(lengths, steps)
        due = torch.tensor(TARGETS[self.experiment])[kind]
        if self.experiment == "3c":
            shift = torch.randn(batch_size, 1, generator=rng) * math.sqrt(TARGET_NOISE)
            due = torch.cat([due + shift, due], 1)
        return Batch(x[..., None], due[:, None] * mask[..., None], mask, lengths)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the mean target and of the best output; in 3b some classes are ambiguous.

        There the sign of the sum of the first N numbers is wrong with probability Φ(−√(N / variance)).
        """
        if self.experiment == "3c":
            constant = {"wrong_share": 1.0, "squared_error": 0.09, "absolute_error": 0.3}
            return {"constant": constant, "optimal": ALL_RIGHT}
        share = math.erfc(math.sqrt(self.signal / self.variance / 2)) / 2
        noisy = {"wrong_share": share, "absolute_error": share}
        return {
            "constant": share_answer(0.5),
            "optimal": noisy if self.experiment == "3b" else ALL_RIGHT,
        }

    def suite(self) -> Mapping[str, Task]:
        """Return T = 100, and T = 1,000 for the variants for which the paper reports it."""
        return {f"length-{n}": self.altered(length=n) for n in SUITE_LENGTHS[self.experiment]}
