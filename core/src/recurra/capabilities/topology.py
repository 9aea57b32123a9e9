"""Networks whose structure can evolve, and the positions of their connections in the weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Topology:
    """The possible connections of a network; an absent connection has weight zero.

    Args:
        weights: All weights (n, 1 + I + n), n = outputs + hidden; the rows are the targets of connections,
            and the columns come from the bias, the inputs, the output nodes and the hidden nodes.
        inputs: I.
        outputs: Number of output nodes.
        hidden: Maximum number of hidden nodes.
        layers: How many layers of nodes a step goes through, where it must not go in circles; None where it
            may: then every connection between nodes takes one step.
    """

    weights: nn.Parameter
    inputs: int
    outputs: int
    hidden: int
    layers: int | None
