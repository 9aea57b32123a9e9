"""What a task can provide for rules that evaluate many networks at once, such as evolution."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from recurra import Batch, Population


@runtime_checkable
class ScoresPopulations(Protocol):
    """A task that scores the outputs of P networks at once, faster than one after the other."""

    def goal_scores(self, y: Tensor, batch: Batch) -> Tensor | None:
        """Return the value of the goal's score: y (P, B, T, O) -> (P,), float64.

        None if that score cannot be computed at once, as for a goal of the user's own.
        """
        ...


@runtime_checkable
class RunsPopulations(Protocol):
    """A task that runs P networks itself, as an environment does, in which they act."""

    def run_population(self, population: Population, size: int, batch: Batch) -> Tensor:
        """Return the value of the goal's score of each of `size` networks, (P,)."""
        ...
