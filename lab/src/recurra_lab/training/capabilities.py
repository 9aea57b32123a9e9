"""What cells, modules and tasks can offer to learning rules beside their interface.

A component need not name these protocols: whatever has their methods satisfies them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from recurra import Batch, Population, Topology, Tree


@runtime_checkable
class Staged(Protocol):
    """What a cell offers to rules that train it part by part, such as `history-compression`."""

    def stages(self) -> Sequence[nn.Module]:
        """Return the parts in the order in which they learn; a part reads what those before it make."""
        ...

    def stage_losses(self, state: Any) -> Tensor:
        """Return the loss of every part at the end of a sequence: (stages, B), in nats."""
        ...


@runtime_checkable
class TakesTargets(Protocol):
    """A cell that reads its own previous outputs, which targets can replace.

    Source: Williams and Zipser 1989, section 5.
    """

    def forced(self, state: Any, target: Tensor, scored: Tensor) -> Any:
        """Return the state with target (B, O) in place of y, in the rows where scored (B,) is true."""
        ...


@runtime_checkable
class FeedsBack(Protocol):
    """A cell that reads at every step what a readout says of its previous output.

    Source: Sussillo and Abbott 2009.
    """

    def fed_back(self) -> nn.Linear | None:
        """Return the cell's copy of the readout, y (B, H) -> (B, O); None if nothing is fed back."""
        ...


@runtime_checkable
class Evolvable(Protocol):
    """A module whose structure can be evolved."""

    def topology(self) -> Topology:
        """Return where its connections are."""
        ...


@runtime_checkable
class FindsTrees(Protocol):
    """What a cell that reads trees offers where trees are to be found."""

    def parse(
        self, features: Tensor, adjacency: Tensor, regions: Tensor | None = None, kappa: float = 0.0
    ) -> Tree:
        """Return a tree whose merges have high scores.

        Args:
            features: (n, F), of the leaves.
            adjacency: (n, n) booleans, symmetric: which leaves are neighbours.
            regions: (n,), numbers from 0; where given, `kappa` is added to the score of each node that mixes
                regions before each of them is complete.
            kappa: Positive to find trees that violate a margin, very negative to allow correct trees only.
        """
        ...

    def score(self, nodes: Tensor) -> Tensor:
        """Return the scores of the merges that produced the nodes: (..., H) -> (...)."""
        ...


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
