"""What all tasks of this plugin share: the answer at a scored step is one of several symbols."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, Score, SupervisedTask

Count = Annotated[int, Field(gt=0)]


class Answers(SupervisedTask):
    """A task that reads tokens (B, T) and answers with a symbol at every scored step: logits (B, T, O)."""

    input_kind = "tokens"

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per scored step, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def nats(self, y: Tensor, batch: Batch) -> tuple[float, int]:
        """Return the cross-entropy of all scored steps together, in nats, and how many they are."""
        due = batch.target[batch.mask]
        return float(cross_entropy(y[batch.mask].double(), due, reduction="sum")), len(due)

    def percent(self, y: Tensor, batch: Batch) -> Score:
        """Return how many of the scored steps are answered rightly, in percent."""
        right = (y.argmax(-1) == batch.target) & batch.mask
        return Score(100 * float(right.sum()), float(batch.mask.sum()))

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probabilities of the symbols."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * one_hot(batch.target, self.output_size).to(torch.get_default_dtype())
