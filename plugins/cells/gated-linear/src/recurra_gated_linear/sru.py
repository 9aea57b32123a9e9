"""The simple recurrent unit: elementwise recurrence and a highway connection from the input."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_gated_linear.shared import Size

Version = Annotated[
    Literal["v1", "v2"], Field(description="v2: gates see c too, as at EMNLP 2018; v1: gates see x only")
]
Activation = Annotated[
    Literal["identity", "tanh"], Field(description="g, activation of c in the output; v1 has tanh")
]
Highway = Annotated[bool, Field(description="add the input to the output where r is closed")]
Rescale = Annotated[bool, Field(description="multiply the input by α, so that deep stacks keep its variance")]
HighwayBias = Annotated[float, Field(description="initial b_r; smaller values favour the input over c")]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"identity": torch.positive, "tanh": torch.tanh}


class SRUState(NamedTuple):
    """The state: the cell c (B, H)."""

    c: Tensor


class SRU(Cell[SRUState]):
    """Simple recurrent unit: products with the input only, and a highway connection to the output.

        f = σ(W_f x + v_f ∘ c + b_f);  r = σ(W_r x + v_r ∘ c + b_r)
        c' = f ∘ c + (1 − f) ∘ W x
        y = r ∘ g(c') + (1 − r) ∘ α x

    The terms in v exist in version v2 only, and the term in x with `highway` only. α is √(1 + 2 e^b) with
    `rescale`, b being `highway_bias`, and 1 without. If I differs from H, W_x x takes the place of α x.

    Shapes: x (B, I), c (B, H), y (B, H).
    Parameters: 3 H I + 4 H in v2 and 3 H I + 2 H in v1; H I more if I differs from H, with `highway`.
    Initialization: W uniform in ± √(3 / I), so its variance is 1 / I; in v2, W_f, W_r and v, whose variance
    is 1, are divided by √2; W_x is multiplied by α; b_f zero and b_r the option `highway_bias`.
    Differs from the papers: dropout and layer normalisation are options of every model and not of this cell.
    Source: Lei, Zhang, Wang, Dai and Artzi 2018, arXiv 1709.02755; version 1 of it for v1.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        version: Version = "v2",
        activation: Activation = "identity",
        highway: Highway = True,
        rescale: Rescale = True,
        highway_bias: HighwayBias = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.g, self.highway = FUNCTIONS[activation], highway
        self.alpha = math.sqrt(1 + 2 * math.exp(highway_bias)) if rescale else 1.0
        self.projects = highway and input_size != hidden_size
        self.from_x = nn.Linear(input_size, (3 + self.projects) * hidden_size, bias=False)  # rows: W, f, r, x
        self.bias = nn.Parameter(torch.zeros(2, hidden_size))  # rows: f, r
        self.from_c = nn.Parameter(torch.zeros(2, hidden_size)) if version == "v2" else None  # rows: f, r
        self._initialise(highway_bias)

    @torch.no_grad()
    def _initialise(self, highway_bias: float) -> None:
        nn.init.constant_(self.bias[1], highway_bias)
        bound = math.sqrt(3 / self.input_size)
        nn.init.uniform_(self.from_x.weight, -bound, bound)
        W = self.from_x.weight.chunk(3 + self.projects)
        if self.projects:
            W[3].mul_(self.alpha)
        if self.from_c is not None:
            nn.init.uniform_(self.from_c, -math.sqrt(1.5), math.sqrt(1.5))
            for gate in W[1:3]:
                gate.mul_(math.sqrt(0.5))

    def initial_state(self, batch_size: int) -> SRUState:
        """Return zeros."""
        return SRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: SRUState) -> tuple[Tensor, SRUState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        c, (b_f, b_r) = state.c, self.bias.unbind()
        candidate, f, r, *projected = self.from_x(x).split(self.output_size, -1)
        f, r = f + b_f, r + b_r
        if self.from_c is not None:
            v_f, v_r = self.from_c.unbind()
            f, r = f + v_f * c, r + v_r * c
        c = candidate + torch.sigmoid(f) * (c - candidate)
        if not self.highway:
            return torch.sigmoid(r) * self.g(c), SRUState(c)
        x = projected[0] if self.projects else self.alpha * x
        return x + torch.sigmoid(r) * (self.g(c) - x), SRUState(c)

    def diagnostics(self, state: SRUState) -> dict[str, Tensor]:
        """Return the cell."""
        return {"cell": state.c}
