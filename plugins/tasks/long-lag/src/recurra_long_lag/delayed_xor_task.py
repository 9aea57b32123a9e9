"""Strongly delayed XOR, which the LSTM paper names as what its truncated gradient cannot learn."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from recurra import Task
from recurra_long_lag.far_symbols import TWO, FarSymbols, Length
from recurra_long_lag.judged import ALL_RIGHT, Loss, share_answer


class DelayedXor(FarSymbols):
    """Classify, at the end of a sequence, whether two symbols far apart were different.

    A sequence starts with E, ends with the trigger B and else is drawn evenly from a, b, c, d, except for an
    X or Y, either with probability 1/2, at a step from 10 to 20 and one from 50 to 60, counted from 0.
    Lengths are drawn evenly from 100 to 110. At the last step 1 is due if the two differ, else 0. To remember
    one of them alone lowers no error. A sequence is right when the error is below 0.3.

    Shapes: x (B, T, 8), one-hot over a b c d E B X Y; y (B, T, 1), logits.
    Scores: wrong_share, the share of sequences that are not right; squared_error and absolute_error, the mean
    at the last step.
    Differs from the paper: which names the problem, in section 6, and defines no task. The sequences are
    those of its experiment 6a, the criterion too.
    Source: after Hochreiter and Schmidhuber 1997, section 6.
    """

    stream = "DelayedXor"

    def __init__(self, *, length: Length = 100, loss: Loss = "squared") -> None:
        super().__init__(1, length, TWO, loss)

    def answer(self, far: Tensor) -> Tensor:
        """Return 1 (B, 1) where the two differ."""
        return far.sum(1, keepdim=True) % 2

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one half scores, and the right answer."""
        return {"constant": share_answer(0.5), "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return T = 100, the length of experiment 6a."""
        return {"length-100": self.altered(length=100)}
