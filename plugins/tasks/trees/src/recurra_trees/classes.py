"""Base class of the tasks of this plugin: classification at every scored step."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, Score, SupervisedTask

Count = Annotated[int, Field(gt=0)]


class Classes(SupervisedTask):
    """A task whose target is a class at every scored step; outputs are logits (B, T, classes)."""

    def classes(self, batch: Batch) -> Tensor:
        """Return the correct classes (B, T); values at steps that are not scored are arbitrary."""
        return batch.target

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per scored step, in nats."""
        return cross_entropy(y[batch.mask], self.classes(batch)[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent, over all scored steps."""
        return {"accuracy_percent": self.percent(y, batch, batch.mask)}

    def percent(self, y: Tensor, batch: Batch, steps: Tensor) -> Score:
        """Return the accuracy at the given steps (B, T), in percent."""
        right = (y.argmax(-1) == self.classes(batch)) & steps
        return Score(100 * float(right.sum()), float(steps.sum()))

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to class probabilities."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the answer, for checks."""
        return 100 * one_hot(self.classes(batch), self.output_size).float()


def last_step(lengths: Tensor, steps: int) -> Tensor:
    """Return a mask of the last step of each row, the root of a tree: lengths (B,) -> (B, T) booleans."""
    return torch.arange(steps, device=lengths.device) == lengths[:, None] - 1
