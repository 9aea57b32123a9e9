"""Fast weights: a matrix of recent outer products, to which a few inner steps attend."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, Memory
from recurra_matrix_memory.layer import projection
from recurra_matrix_memory.options import Count
from recurra_matrix_memory.recurrence import bounded, outer, read

Size = Annotated[Count, Field(description="H, number of units")]
InnerSteps = Annotated[Count, Field(description="n, number of inner steps")]
Decay = Annotated[float, Field(ge=0, lt=1, description="λ, decay of the fast weights per step")]
Rate = Annotated[float, Field(gt=0, description="η, learning rate of the fast weights")]
RECURRENT_SCALE = 0.05
"""The slow recurrent weights start at this multiple of the identity."""


class FastWeightsMemoryState(NamedTuple):
    """The state: the fast weights A (B, H, H)."""

    A: Tensor


class FastWeightsMemory(Memory[FastWeightsMemoryState]):
    """A matrix of the outer products of recent states, which attracts the next state.

        h_0 = relu(z);  h_(s+1) = relu(LN(z + A h_s)),  s = 0 ... n − 1;  r = h_n;  A' = λ A + η h_n h_nᵀ

    LN is a layer normalisation with gain and bias.

    Shapes: interface z (B, H), r (B, H).
    Parameters: 2 H.  Initialization: A zero; gain one and bias zero.
    Differs from the paper: z is held within ±1e4.
    Source: Ba, Hinton, Mnih, Leibo and Ionescu 2016, arXiv 1610.06258.
    """

    contract_options = {"size": 4}

    def __init__(
        self,
        *,
        size: Size = 32,
        inner_steps: InnerSteps = 1,
        decay: Decay = 0.95,
        rate: Rate = 0.5,
    ) -> None:
        super().__init__(size, size)
        self.inner_steps, self.decay, self.rate = inner_steps, decay, rate
        self.norm = nn.LayerNorm(size)

    def initial_state(self, batch_size: int) -> FastWeightsMemoryState:
        """Return zeros."""
        return FastWeightsMemoryState(self.zeros(batch_size, self.output_size, self.output_size))

    def step(self, interface: Tensor, state: FastWeightsMemoryState) -> tuple[Tensor, FastWeightsMemoryState]:
        """Attend to recent states, then store: interface (B, H), state -> r (B, H), state."""
        z, (A,) = bounded(interface), state
        h = torch.relu(z)
        for _ in range(self.inner_steps):
            h = torch.relu(self.norm(z + read(A, h)))
        return h, FastWeightsMemoryState(self.decay * A + self.rate * outer(h, h))

    def diagnostics(self, state: FastWeightsMemoryState) -> dict[str, Tensor]:
        """Return the length of each column of A."""
        return {"strength per unit": torch.linalg.vector_norm(state.A, dim=-2)}


class FastWeightsState(NamedTuple):
    """The state: the output h (B, H) and the fast weights A (B, H, H)."""

    h: Tensor
    A: Tensor


class FastWeightsCell(Cell[FastWeightsState]):
    """A recurrent network with fast weights, which attend to its recent states.

        z = W h + C x + b;  y = h', A' = memory(z, A)

    The memory is `FastWeightsMemory`.

    Shapes: x (B, I), h (B, H), A (B, H, H), y (B, H).
    Parameters: H (I + H + 1) + 2 H.
    Initialization: C Glorot-uniform, W 0.05 times the identity, b uniform in ±1/√I; gain one and
    bias of the norm zero; h and A zero.
    Differs from the paper: z has a bias; see also `FastWeightsMemory`.
    Source: Ba, Hinton, Mnih, Leibo and Ionescu 2016, arXiv 1610.06258.
    """

    contract_options = {"hidden_size": 4}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        inner_steps: InnerSteps = 1,
        decay: Decay = 0.95,
        rate: Rate = 0.5,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.memory = FastWeightsMemory(size=hidden_size, inner_steps=inner_steps, decay=decay, rate=rate)
        self.from_x = projection(input_size, hidden_size, bias=True)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        with torch.no_grad():
            self.from_h.weight.copy_(RECURRENT_SCALE * torch.eye(hidden_size))

    def initial_state(self, batch_size: int) -> FastWeightsState:
        """Return zeros."""
        return FastWeightsState(
            self.zeros(batch_size, self.output_size), self.memory.initial_state(batch_size).A
        )

    def step(self, x: Tensor, state: FastWeightsState) -> tuple[Tensor, FastWeightsState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        z = self.from_x(x) + self.from_h(state.h)
        h, (A,) = self.memory.step(z, FastWeightsMemoryState(state.A))
        return h, FastWeightsState(h, A)

    def diagnostics(self, state: FastWeightsState) -> dict[str, Tensor]:
        """Return the state of the units and the strength of their fast weights."""
        return {
            "hidden units": state.h,
            **self.memory.diagnostics(FastWeightsMemoryState(state.A)),
        }
