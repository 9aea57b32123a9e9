"""The multiplicative LSTM: the input chooses the recurrent weights, through a product of two projections."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_light_gates.shared import Size, initialise

ForgetBias = Annotated[float, Field(description="initial b_f; larger values remember longer")]


class MultiplicativeLSTMState(NamedTuple):
    """The state: the output h (B, H) and the cell c (B, H)."""

    h: Tensor
    c: Tensor


class MultiplicativeLSTM(Cell[MultiplicativeLSTMState]):
    """LSTM that sees, in place of h, a product of projections of h and of the input.

        m = (W_m x) ∘ (U_m h)
        i = σ(W_i x + U_i m + b_i);  f = σ(W_f x + U_f m + b_f);  o = σ(W_o x + U_o m + b_o)
        c' = f ∘ c + i ∘ tanh(W_g x + U_g m + b_g);  y = h' = o ∘ tanh(c')

    Shapes: x (B, I), m, h and c (B, H), y (B, H).  Parameters: 5 H (I + H) + 4 H.
    Initialization: W Glorot-uniform and U orthogonal, matrix by matrix; biases zero except b_f.
    Differs from the paper: biases, which its equations omit; it uses weight normalisation in some
    experiments, which PyTorch's `weight_norm` adds to the layers of this cell.
    Source: Krause, Lu, Murray and Renals 2016, arXiv 1609.07959.
    """

    contract_options = {"hidden_size": 5}

    def __init__(self, input_size: int, *, hidden_size: Size = 128, forget_bias: ForgetBias = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.m_from_x = nn.Linear(input_size, hidden_size, bias=False)
        self.m_from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.from_x = nn.Linear(input_size, 4 * hidden_size)  # rows: i, f, g, o
        self.from_m = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        initialise(self.from_x, self.from_m, self.m_from_h, gates=4)
        nn.init.xavier_uniform_(self.m_from_x.weight)
        nn.init.constant_(self.from_x.bias.chunk(4)[1], forget_bias)

    def initial_state(self, batch_size: int) -> MultiplicativeLSTMState:
        """Return zeros."""
        return MultiplicativeLSTMState(*(self.zeros(batch_size, self.output_size) for _ in range(2)))

    def step(self, x: Tensor, state: MultiplicativeLSTMState) -> tuple[Tensor, MultiplicativeLSTMState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h, c = state
        m = self.m_from_x(x) * self.m_from_h(h)
        i, f, g, o = (self.from_x(x) + self.from_m(m)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, MultiplicativeLSTMState(h, c)

    def diagnostics(self, state: MultiplicativeLSTMState) -> dict[str, Tensor]:
        """Return the cell."""
        return {"cell": state.c}
