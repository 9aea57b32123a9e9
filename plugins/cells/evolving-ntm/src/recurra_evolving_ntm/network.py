"""A network of any structure, of which evolution may choose the connections."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, Topology

Count = Annotated[int, Field(gt=0)]


class NeatNetworkState(NamedTuple):
    """The state: the outputs of the nodes, a (B, O + H); a feed-forward network does not read it."""

    a: Tensor


class NeatNetwork(Cell[NeatNetworkState]):
    """Network of arbitrary topology, as NEAT evolves it, stored as dense weights.

        feed-forward:   a_0 = 0;  s_k = γ w [1, x, a_{k − 1}],  a_k = σ(s_k),  k = 1 … L
        recurrent:      s = γ w [1, x, a];  a' = σ(s)
        y = s of the O output nodes, before σ

    An absent connection has weight zero. In an acyclic feed-forward network of depth L or less, all nodes are
    correct after L iterations, whatever their numbering. In a recurrent one all nodes are updated at once
    from their previous values. Outputs are logits: σ(y) is what NEAT calls the output.

    Shapes: x (B, I), y (B, O), a (B, O + H), w (O + H, 1 + I + O + H).
    Parameters: (O + H) (1 + I + O + H), of which most are zero.
    Initialization, as in NEAT: all inputs and the bias connected to all outputs, by normal weights with a
    standard deviation of 1, and no hidden nodes; a zero.
    Differs from the paper: there γ = 4.9; here it is an option.
    Source: Stanley and Miikkulainen 2002, Evolutionary Computation 10:99-127.
    """

    contract_options = {"output_size": 2, "hidden_size": 3}

    def __init__(
        self,
        input_size: int,
        *,
        output_size: Annotated[Count, Field(description="O, number of output nodes")] = 1,
        hidden_size: Annotated[int, Field(ge=0, description="H, maximum number of hidden nodes")] = 16,
        connections: Annotated[
            Literal["feed-forward", "recurrent"],
            Field(description="acyclic, within a step; or any connections, each with a delay of one step"),
        ] = "feed-forward",
        layers: Annotated[Count, Field(description="L, maximum depth of a feed-forward network")] = 4,
        slope: Annotated[float, Field(gt=0, description="γ, slope of the logistic function")] = 4.9,
    ) -> None:
        super().__init__(input_size, output_size)
        self.hidden_size, self.slope = hidden_size, slope
        self.layers = layers if connections == "feed-forward" else None
        n = output_size + hidden_size
        self.w = nn.Parameter(torch.zeros(n, 1 + input_size + n))
        nn.init.normal_(self.w[:output_size, : 1 + input_size])

    def initial_state(self, batch_size: int) -> NeatNetworkState:
        """Return zeros."""
        return NeatNetworkState(self.zeros(batch_size, len(self.w)))

    def step(self, x: Tensor, state: NeatNetworkState) -> tuple[Tensor, NeatNetworkState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        bias, from_x, from_a = torch.split(self.w, [1, self.input_size, len(self.w)], 1)
        given = nn.functional.linear(x, from_x, bias[:, 0])
        if self.layers is None:
            s = self.slope * (given + nn.functional.linear(state.a, from_a))
        else:
            s = self.slope * given
            for _ in range(self.layers - 1):
                s = self.slope * (given + nn.functional.linear(torch.sigmoid(s), from_a))
        return s[:, : self.output_size], NeatNetworkState(torch.sigmoid(s))

    def topology(self) -> Topology:
        """Return where its connections are; see `recurra.capabilities.topology`."""
        return Topology(self.w, self.input_size, self.output_size, self.hidden_size, self.layers)

    def diagnostics(self, state: NeatNetworkState) -> dict[str, Tensor]:
        """Return the outputs of all nodes."""
        return {"nodes": state.a}
