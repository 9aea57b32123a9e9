"""Strongly delayed XOR, which, according to the LSTM paper, its truncated gradient cannot learn."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from recurra import Task
from recurra_long_lag.far_symbols import TWO, FarSymbols, Length
from recurra_long_lag.judged import ALL_RIGHT, Loss, share_answer


class DelayedXor(FarSymbols):
    """Classify, at the end of a sequence, whether two symbols far apart differ.

    A sequence starts with E and ends with the trigger B. The other symbols are uniform over a, b, c and d,
    except for an X or Y (with probability 1/2 each) at one step from 10 to 20 and one from 50 to 60, counted
    from 0. Lengths are uniform from 100 to 110. The target at the last step is 1 if the two symbols differ,
    else 0. Remembering only one of them does not reduce the error. A sequence is correct if its error is
    below 0.3.

    Shapes: x (B, T, 8), one-hot over a b c d E B X Y; y (B, T, 1), logits.
    Scores: wrong_share, the fraction of sequences that are not correct; squared_error and absolute_error, the
    mean at the last step.
    Differs from the paper: section 6 mentions the problem without defining a task. Sequences and criterion
    are those of experiment 6a.
    Source: after Hochreiter and Schmidhuber 1997, section 6.
    """

    stream = "DelayedXor"

    def __init__(self, *, length: Length = 100, loss: Loss = "squared") -> None:
        super().__init__(1, length, TWO, loss)

    def answer(self, far: Tensor) -> Tensor:
        """Return 1 (B, 1) where the two differ."""
        return far.sum(1, keepdim=True) % 2

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the constant 1/2 and of the correct answer."""
        return {"constant": share_answer(0.5), "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return T = 100, the length of experiment 6a."""
        return {"length-100": self.altered(length=100)}
