"""Tagging: a label for every step of the user's sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from torch import Tensor

from recurra import InvalidInput, Ragged, unpadded
from recurra_own_data.examples import switches
from recurra_own_data.inputs import joined
from recurra_own_data.labelled_data import LabelledData
from recurra_own_data.rows import Sequences, steps_of
from recurra_own_data.table import Table


class Tagging(LabelledData):
    """Name the class of every step of a sequence; the classes are the tags found in training.

    How files are read, and which errors they cause: see `OwnData`. The target column holds a list of tags as
    long as the input or, with `sequence`, the tag of each step; text must be a list of words for this.
    Without a file, pulses switch something on and off, and the tags say which it is.

    Shapes: x (B, T, C) numbers or (B, T) tokens; y (B, T, O), logits, scored at every step.
    Scores: accuracy_percent; nats, the cross-entropy per step.
    Baselines: constant, the shares of the tags in training.
    Solved means more than 99 percent, a bound of our own.
    """

    stream = "Tagging"
    target_name = "tags"

    @classmethod
    def example(cls) -> Table:
        """Return pulses and what they switch."""
        return switches()

    def groups(self, found: Sequences) -> Sequence[int]:
        """Return one group for all."""
        return [0] * len(found.numbers)

    def learn(self, found: Sequences) -> int:
        """Find the classes."""
        return self.learn_labels(chain.from_iterable(steps_of(found, self.column)), found.where)

    def encoded_targets(self, found: Sequences) -> Ragged:
        """Return the numbers of the tags.

        Raises:
            InvalidInput: A sequence has more or fewer tags than steps.
        """
        tags = (
            self.numbers(labels, found, ((number, step) for step in range(len(labels))))
            for number, labels in enumerate(self._tags(found))
        )
        return joined(list(tags), self.longest)

    def _tags(self, found: Sequences) -> list[list[Any]]:
        """Return the tags of each sequence, as many as it has steps."""
        tags = steps_of(found, self.column)
        steps = self.encoder.encoded(found, None).counts.tolist()
        for number, (labels, length) in enumerate(zip(tags, steps, strict=True)):
            if len(labels) != length:
                message = f"{found.place(self.column, number)}: {len(labels)} tags for {length} steps"
                raise InvalidInput(f"{message}; each step has one tag, and text must be a list of words")
        return tags

    def targets(self, due: Any, rows: Tensor, steps: int, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tags (B, T), and which steps are not padding (B, T)."""
        return due.padded(rows, steps, 0), unpadded(lengths, steps)

    def described(self, y: Tensor) -> list[Mapping[str, Any]]:
        """Return the tag and the probabilities at each step."""
        return [
            {"step": step, **self.classes.described(p)} for step, p in enumerate(self.predict(y.double()), 1)
        ]

    def actual(self, found: Sequences) -> list[list[Mapping[str, Any]]]:
        """Return the tags."""
        tags = (labels[-self.longest :] if self.longest else labels for labels in self._tags(found))
        return [[{"actual": tag} for tag in labels] for labels in tags]

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the shares of the tags score on the test sequences."""
        known, due = (self.due[split].values for split in ("train", "test"))
        return self.constant(known, due)
