"""Networks whose structure can evolve: where in their weights which connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn


@dataclass(frozen=True)
class Topology:
    """Where a network has room for connections; one that is absent weighs zero.

    Args:
        weights: All there are (n, 1 + I + n), n = outputs + hidden; a row is the node that is reached, and
            the columns come from the bias, the inputs, the output nodes and the hidden nodes.
        inputs: I.
        outputs: Nodes that are the answer.
        hidden: Other nodes that there is room for.
        layers: How many layers of nodes a step goes through, where it must not go in circles; None where it
            may: then every connection between nodes takes one step.
    """

    weights: nn.Parameter
    inputs: int
    outputs: int
    hidden: int
    layers: int | None


@runtime_checkable
class Evolvable(Protocol):
    """What a module offers whose structure evolution may choose."""

    def topology(self) -> Topology:
        """Return where its connections are."""
        ...
