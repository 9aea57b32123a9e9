"""What the tasks of timing share: one output, a bound on its error, and a score that ends at the first."""

from __future__ import annotations

import abc
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from recurra import Batch, GeneratedTask, Score

NONE = 1e-9
"""What a share is below when it is zero."""

Output = Annotated[Literal["sigmoid", "identity"], Field(description="activation of the network's output")]
Tolerance = Annotated[float, Field(gt=0, lt=0.5, description="a step is wrong if its error is this or more")]
Count = Annotated[int, Field(gt=0)]


class TimedStream(GeneratedTask):
    """A stream of one input and one output per step; the target is (B, T, 1).

    Args:
        output: What is made of the network's output before it is compared.
        tolerance: A step is wrong when |output − target| is not below it.
    """

    def __init__(self, output: Output, tolerance: float) -> None:
        super().__init__(1, 1)
        self.output, self.tolerance = output, tolerance

    @abc.abstractmethod
    def passed(self, batch: Batch) -> Tensor:
        """Return how many intervals end at each step, (B, T)."""

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error per scored step."""
        return mse_loss(self.predict(y)[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return failed_share and intervals_before_error per stream, and squared_error per scored step."""
        streams = batch.x.shape[0]
        error = (self.predict(y.double()) - batch.target)[..., 0]
        wrong = (error.abs() >= self.tolerance) & batch.mask
        right_so_far = (wrong.cumsum(1) == 0) & batch.mask
        return {
            "failed_share": Score(float(wrong.any(1).sum()), streams),
            "intervals_before_error": Score(float((right_so_far * self.passed(batch)).sum()), streams),
            "squared_error": Score(float(error[batch.mask].square().sum()), float(batch.mask.sum())),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Return what is compared with the target: y, or σ(y)."""
        return torch.sigmoid(y) if self.output == "sigmoid" else y

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * (batch.target - 0.5) if self.output == "sigmoid" else batch.target
