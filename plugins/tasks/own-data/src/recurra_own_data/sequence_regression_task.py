"""Regression: numbers that belong to the user's sequences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from recurra import Batch, Goal, InvalidInput, Score
from recurra_own_data.examples import slopes
from recurra_own_data.inputs import ROUNDING, is_finite
from recurra_own_data.own_data import OwnData, last_steps
from recurra_own_data.rows import Sequences, values_of
from recurra_own_data.table import Table


class SequenceRegression(OwnData):
    """Estimate one or several numbers at the last step of a sequence.

    How files are read, and which errors they cause: see `OwnData`. Targets are scaled to mean 0 and standard
    deviation 1 over the training sequences; predictions are in the units of the file. Without a file, the
    target is the slope of a noisy line.

    Shapes: x (B, T, C) numbers or (B, T) tokens; y (B, T, O), scored at the last step of each row.
    Scores: squared_error, in variances of the training targets, so that 1 − squared_error is about R²;
    absolute_error of each target column, in its unit.
    Baselines: constant, the means of the training targets.
    Solved means a squared error below 0.01, a bound of our own.
    """

    stream = "SequenceRegression"
    target_name = "target"
    most_targets = math.inf
    goal = Goal("squared_error", below=0.01)

    @classmethod
    def example(cls) -> Table:
        """Return noisy lines with their slopes."""
        return slopes()

    def groups(self, found: Sequences) -> Sequence[int]:
        """Return one group for all."""
        return [0] * len(found.numbers)

    def learn(self, found: Sequences) -> int:
        """Learn the scale of the targets."""
        values = self._values(found)
        self.mean, self.deviation = values.mean(0), values.std(0, correction=0)
        same = (self.deviation <= ROUNDING * self.mean.abs()).nonzero()
        if len(same):
            message = f"column '{self.target[int(same[0])]}' of {found.where} has one value in training"
            raise InvalidInput(f"{message}: nothing is left to estimate; name another target")
        return len(self.target)

    def _values(self, found: Sequences) -> Tensor:
        """Return the targets (N, O) in float64."""
        columns = [_numbers(found, name) for name in self.target]
        return torch.tensor(columns, dtype=torch.float64).T

    def encoded_targets(self, found: Sequences) -> Tensor:
        """Return the scaled targets (N, O)."""
        return ((self._values(found) - self.mean) / self.deviation).to(torch.get_default_dtype())

    def targets(self, due: Any, rows: Tensor, steps: int, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the targets (B, T, O), 0 before the last step, and which step is the last (B, T)."""
        mask = last_steps(lengths, steps)
        return due[rows][:, None] * mask[..., None], mask

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error, in variances of the training targets."""
        return (y - batch.target)[batch.mask].square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error, and the absolute_error of each target."""
        errors = (y - batch.target)[batch.mask].double()
        absolute = (errors.abs().sum(0).cpu() * self.deviation).tolist()
        each = {
            f"absolute_error_{name}": Score(x, len(errors))
            for name, x in zip(self.target, absolute, strict=True)
        }
        return {"squared_error": Score(float(errors.square().sum()), errors.numel()), **each}

    def predict(self, y: Tensor) -> Tensor:
        """Convert outputs to the units of the file."""
        return y * self.deviation.to(y) + self.mean.to(y)

    def described(self, y: Tensor) -> list[Mapping[str, Any]]:
        """Return the estimates at the last step."""
        return [dict(zip(self.target, self.predict(y[-1].double()).tolist(), strict=True))]

    def actual(self, found: Sequences) -> list[list[Mapping[str, Any]]]:
        """Return the targets."""
        names = [f"{name}_actual" for name in self.target]
        return [[dict(zip(names, row, strict=True))] for row in self._values(found).tolist()]

    def oracle(self, batch: Batch) -> Tensor:
        """Return the targets themselves, for checks."""
        return batch.target

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the means of the training targets score on the test sequences."""
        errors = self.due["test"].double()
        absolute = (errors.abs().mean(0) * self.deviation).tolist()
        each = {f"absolute_error_{name}": x for name, x in zip(self.target, absolute, strict=True)}
        return {"constant": {"squared_error": float(errors.square().mean()), **each}}


def _numbers(found: Sequences, column: str) -> list[float]:
    values = values_of(found, column)
    for number, value in enumerate(values):
        if not is_finite(value):
            message = f"{found.place(column, number)}: {value!r}, and a finite number was expected"
            raise InvalidInput(f"{message}; correct it, or name another target")
    return values
