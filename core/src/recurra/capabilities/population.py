"""What a task can provide for rules that evaluate many networks at once, such as evolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from recurra.task import Batch

Population = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""P networks, as a function: x (B, T, I) for all, or (P, B, T, I), and states -> y (P, B, T, O) and states.

The states are None at first, when all networks start from their initial ones and read the same x.
"""


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
