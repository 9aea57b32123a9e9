"""Classification of the user's sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from recurra_own_data.examples import waves
from recurra_own_data.labelled_data import LabelledData
from recurra_own_data.own_data import last_steps
from recurra_own_data.rows import Sequences, values_of
from recurra_own_data.table import Table


class SequenceClassification(LabelledData):
    """Name the class of a sequence at its last step; the classes are the labels found in training.

    How files are read, and which errors they cause: see `OwnData`. Drawn splits have the same share of every
    class. Without a file, the classes are the shapes of noisy waves: saw-tooth, sine and square.

    Shapes: x (B, T, C) numbers or (B, T) tokens; y (B, T, O), logits, scored at the last step of each row.
    Scores: accuracy_percent; nats, the cross-entropy per sequence.
    Baselines: constant, the shares of the classes in training.
    Solved means more than 99 percent, a bound of our own.
    """

    stream = "SequenceClassification"
    target_name = "label"

    @classmethod
    def example(cls) -> Table:
        """Return noisy waves of three shapes."""
        return waves()

    def groups(self, found: Sequences) -> Sequence[Any]:
        """Return the labels."""
        return values_of(found, self.column)

    def learn(self, found: Sequences) -> int:
        """Find the classes."""
        return self.learn_labels(values_of(found, self.column), found.where)

    def encoded_targets(self, found: Sequences) -> Tensor:
        """Return the number of each label (N,)."""
        labels = values_of(found, self.column)
        return self.numbers(labels, found, ((number, 0) for number in range(len(labels))))

    def targets(self, due: Any, rows: Tensor, steps: int, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the classes (B, T), 0 before the last step, and which step is the last (B, T)."""
        mask = last_steps(lengths, steps)
        return due[rows][:, None] * mask, mask

    def described(self, y: Tensor) -> list[Mapping[str, Any]]:
        """Return the label and the probabilities at the last step."""
        return [self.classes.described(self.predict(y[-1].double()))]

    def actual(self, found: Sequences) -> list[list[Mapping[str, Any]]]:
        """Return the labels."""
        return [[{"actual": label}] for label in values_of(found, self.column)]

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the shares of the classes score on the test sequences."""
        return self.constant(self.due["train"], self.due["test"])
