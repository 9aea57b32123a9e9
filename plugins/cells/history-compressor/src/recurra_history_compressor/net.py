"""The smallest recurrent network, the default at each level."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell


class TanhRecurrentState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class TanhRecurrent(Cell[TanhRecurrentState]):
    """One layer of tanh units, each connected to the input and to every unit.

        y = h' = tanh(W x + U h + b)

    It is Elman's network with the default initialization of `elman`, included so that this plugin works
    without another one; `level = elman` uses that one, with all its options.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + H + 1).
    Initialization: W Glorot-uniform, U orthogonal and b zero.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Annotated[int, Field(gt=0, description="H, number of units")] = 32,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        nn.init.xavier_uniform_(self.from_x.weight)
        nn.init.orthogonal_(self.from_h.weight)
        nn.init.zeros_(self.from_x.bias)

    def initial_state(self, batch_size: int) -> TanhRecurrentState:
        """Return zeros."""
        return TanhRecurrentState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: TanhRecurrentState) -> tuple[Tensor, TanhRecurrentState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h = torch.tanh(self.from_x(x) + self.from_h(state.h))
        return h, TanhRecurrentState(h)
