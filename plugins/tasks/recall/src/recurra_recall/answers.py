"""What the tasks share: tokens are read, and at every scored step one of them is the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, GeneratedTask, Goal, Score

Count = Annotated[int, Field(gt=0)]


class Answers(GeneratedTask):
    """A task on tokens (B, T) that asks for a token at every scored step: target (B, T), logits (B, T, O).

    Its scores: `accuracy_percent`, how many answers are right; `nats_per_answer`, their cross-entropy.
    Solved means an accuracy above 99 percent.

    Args:
        vocabulary: The number of different tokens, as input and as output.
    """

    input_kind = "tokens"
    goal = Goal("accuracy_percent", above=99.0)

    def __init__(self, vocabulary: int) -> None:
        super().__init__(vocabulary, vocabulary)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per answer, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent and nats_per_answer."""
        said, target = y[batch.mask].double(), batch.target[batch.mask]
        right = (said.argmax(-1) == target).sum()
        nats = cross_entropy(said, target, reduction="sum")
        return {
            "accuracy_percent": Score(100 * float(right), len(target)),
            "nats_per_answer": Score(float(nats), len(target)),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to probabilities."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the answers, for checks."""
        return 100 * one_hot(batch.target, self.output_size).to(torch.get_default_dtype())


def guess(candidates: int) -> Mapping[str, float]:
    """Return the scores of a uniform guess among so many candidates, of which one is right."""
    return {"accuracy_percent": 100 / candidates, "nats_per_answer": math.log(candidates)}


OPTIMAL = guess(1)
