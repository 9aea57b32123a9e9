"""What the tasks share whose answer at a scored step is one of several labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, Goal, Score
from recurra_own_data.classes import Classes
from recurra_own_data.own_data import OwnData
from recurra_own_data.rows import Sequences


class LabelledData(OwnData):
    """A task of own data whose targets are labels, which are compared with logits y (B, T, O)."""

    goal = Goal("accuracy_percent", above=99.0)

    @property
    def column(self) -> str:
        """The column with the labels."""
        return self.target[0]

    def learn_labels(self, labels: Iterable[Any], where: str) -> int:
        """Take the labels of training as the classes, and return how many there are."""
        self.classes = Classes(list(labels), f"column '{self.column}' of {where}")
        return len(self.classes.names)

    def numbers(self, labels: Iterable[Any], found: Sequences, places: Iterable[tuple[int, int]]) -> Tensor:
        """Return the numbers of labels (N,), read at these places: sequence and step."""
        named = (found.place(self.column, *place) for place in places)
        return torch.tensor([self.classes.number(*pair) for pair in zip(labels, named, strict=True)])

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per scored step, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent, and the nats per scored step."""
        logits, due = y[batch.mask].double(), batch.target[batch.mask]
        right = 100 * float((logits.argmax(-1) == due).sum())
        nats = float(cross_entropy(logits, due, reduction="sum"))
        return {"accuracy_percent": Score(right, len(due)), "nats": Score(nats, len(due))}

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to the probabilities of the classes."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the right logits, for checks."""
        return 100 * one_hot(batch.target, self.output_size).to(torch.get_default_dtype())

    def constant(self, known: Tensor, due: Tensor) -> Mapping[str, Mapping[str, float]]:
        """Return what the shares of the classes in training score: labels (N,), labels (M,)."""
        shares = (torch.bincount(known, minlength=self.output_size) + 1.0).double()
        shares = shares / shares.sum()
        accuracy = 100 * float((due == shares.argmax()).double().mean())
        return {"constant": {"accuracy_percent": accuracy, "nats": -float(shares.log()[due].mean())}}
