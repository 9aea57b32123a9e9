"""The temporal order problem: experiment 6 of the LSTM paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from recurra import Task
from recurra_long_lag.far_symbols import THREE, TWO, FarSymbols, Length
from recurra_long_lag.judged import ALL_RIGHT, Loss, share_answer


class TemporalOrder(FarSymbols):
    """Classify, at the end of a sequence, the order of two or three symbols X and Y.

    A sequence starts with E and ends with the trigger B. The other symbols are uniform over a, b, c and d,
    except for an X or Y (with probability 1/2 each) at the steps t_1 and t_2 (6a), or t_1, t_2 and t_3 (6b).
    Lengths are uniform from 100 to 110. In 6a, t_1 is from 10 to 20 and t_2 from 50 to 60; in 6b, t_1 is from
    10 to 20, t_2 from 33 to 43 and t_3 from 66 to 76, counted from 0. The target at the last step is one of 4
    classes, XX, XY, YX, YY, or one of 8, XXX, XXY ... YYY. A sequence is correct if the errors of all outputs
    are below 0.3.

    Shapes: x (B, T, 8), one-hot over a b c d E B X Y; y (B, T, 4), in 6b (B, T, 8), logits.
    Scores: wrong_share, the fraction of sequences that are not correct; squared_error and absolute_error, the
    mean per output at the last step.
    Goal: no wrong sequence, as among the last 2,000 training sequences of the paper. Its other condition, a
    mean error below 0.1, is not required.
    Differs from the paper: `length` scales the positions t proportionally.
    Source: Hochreiter and Schmidhuber 1997, experiment 6.
    """

    stream = "TemporalOrder"

    def __init__(
        self,
        *,
        experiment: Annotated[
            Literal["6a", "6b"], Field(description="two symbols (6a) or three (6b)")
        ] = "6a",
        length: Length = 100,
        loss: Loss = "squared",
    ) -> None:
        windows = TWO if experiment == "6a" else THREE
        super().__init__(2 ** len(windows), length, windows, loss)

    def answer(self, far: Tensor) -> Tensor:
        """Return the class (B, O), one-hot: the symbols are the digits of a binary number."""
        number = far[:, 0]
        for digit in far.unbind(1)[1:]:
            number = 2 * number + digit
        return one_hot(number, self.output_size)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the class frequencies and of the correct answer."""
        return {"constant": share_answer(1 / self.output_size), "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return T = 100, as in the paper."""
        return {"length-100": self.altered(length=100)}
