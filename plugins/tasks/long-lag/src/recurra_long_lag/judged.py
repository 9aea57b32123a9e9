"""Base classes of the tasks of the LSTM paper: outputs between 0 and 1, and a bound on their error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from recurra import Batch, GeneratedTask, Goal, Score, Task

NONE = 1e-9
"""Bound of a goal that requires a fraction of zero."""

ALL_RIGHT = {"wrong_share": 0.0, "squared_error": 0.0, "absolute_error": 0.0}

Count = Annotated[int, Field(gt=0)]
Loss = Annotated[
    Literal["squared", "cross-entropy"], Field(description="training loss; squared in the paper")
]
Tolerance = Annotated[float, Field(gt=0, lt=1, description="an output is wrong if its error is this or more")]


class Squashed(GeneratedTask):
    """A task with logistic outputs; the first O channels of target are the training targets.

    Args:
        input_size: I, the width of x.
        output_size: O, the width of the output.
        loss: `squared`, the mean of (target − σ(y))², or `cross-entropy`, in nats.
    """

    def __init__(self, input_size: int, output_size: int, loss: str = "squared") -> None:
        super().__init__(input_size, output_size)
        self.squared = loss == "squared"

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per output."""
        y, target = y[batch.mask], batch.target[batch.mask][:, : self.output_size]
        return (
            mse_loss(self.predict(y), target) if self.squared else binary_cross_entropy_with_logits(y, target)
        )

    def predict(self, y: Tensor) -> Tensor:
        """Return the values that are compared with the target."""
        return torch.sigmoid(y)


class Judged(Squashed):
    """A task whose sequences are correct if every output is close enough to its target.

    Outputs are compared with the last O channels of target. These are also the first O channels, unless the
    training targets are noisy. Scores: `wrong_share`, the fraction of sequences with an output whose error is
    not below `tolerance`; `squared_error` and `absolute_error`, the mean per output.
    """

    goal = Goal("wrong_share", below=NONE)

    def __init__(self, input_size: int, output_size: int, tolerance: float, loss: str = "squared") -> None:
        super().__init__(input_size, output_size, loss)
        self.tolerance = tolerance

    def judged(self, batch: Batch) -> Tensor:
        """Return the steps (B, T) at which outputs are evaluated: by default, all scored steps."""
        return batch.mask

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share per sequence, and squared_error and absolute_error per output."""
        error = self._error(y, batch)
        found = error[self.judged(batch)]
        return {
            "wrong_share": Score(float(self._wrong(error, batch).sum()), batch.x.shape[0]),
            "squared_error": Score(float(found.square().sum()), found.numel()),
            "absolute_error": Score(float(found.sum()), found.numel()),
        }

    def goal_scores(self, y: Tensor, batch: Batch) -> Tensor | None:
        """Return wrong_share of many networks at once: y (P, B, T, O) -> (P,)."""
        if self.goal.score != "wrong_share":
            return None
        return self._wrong(self._error(y, batch), batch).double().mean(-1)

    def _error(self, y: Tensor, batch: Batch) -> Tensor:
        return (self.predict(y.double()) - batch.target[..., -self.output_size :]).abs()

    def _wrong(self, error: Tensor, batch: Batch) -> Tensor:
        """Return which sequences are wrong, (..., B)."""
        return ((error >= self.tolerance).any(-1) & self.judged(batch)).any(-1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the answer, for checks."""
        return torch.logit(batch.target[..., -self.output_size :], eps=1e-6)

    def altered(self, **options: Any) -> Task:
        """Return a copy of the task with other values of some options."""
        return type(self)(**{**self.options, **options})


def share_answer(share: float, squared: float | None = None) -> dict[str, float]:
    """Return the scores of a constant output equal to the fraction of targets that are 1, else 0."""
    squared = share * (1 - share) if squared is None else squared
    return {"wrong_share": 1.0, "squared_error": squared, "absolute_error": 2 * squared}
