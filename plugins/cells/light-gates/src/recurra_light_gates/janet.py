"""JANET: an LSTM of which only the forget gate is left."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra_light_gates.shared import HiddenCell, HiddenState, Size

Beta = Annotated[
    float, Field(description="β: a larger value lets more of the input in for the same forgetting")
]
Longest = Annotated[
    float | None,
    Field(
        gt=1, description="T_max of chrono initialization, the longest dependency in steps; none: b_f is 1"
    ),
]


class JANET(HiddenCell):
    """Just another network: an LSTM that keeps the forget gate alone, which also scales the input.

        s = W_s x + U_s h + b_s;  n = tanh(W_n x + U_n h + b_n)
        y = h' = σ(s) ∘ h + (1 − σ(s − β)) ∘ n

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: 2 H (I + H + 1).
    Initialization: W and U Glorot-uniform, each for both gates at once; b_n zero; b_s one, or with `longest`
    the logarithm of a number drawn uniformly between 1 and T_max, as in the authors' code.
    Differs from the paper: the cell state and the output are one tensor, h, which they equal.
    Source: van der Westhuizen and Lasenby 2018, arXiv 1804.04849; chrono initialization: Tallec and
    Ollivier 2018, arXiv 1804.11188.
    """

    def __init__(
        self, input_size: int, *, hidden_size: Size = 128, beta: Beta = 1.0, longest: Longest = None
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.beta = beta
        self.from_x = nn.Linear(input_size, 2 * hidden_size)  # rows: s, n
        self.from_h = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        nn.init.xavier_uniform_(self.from_x.weight)
        nn.init.xavier_uniform_(self.from_h.weight)
        nn.init.zeros_(self.from_x.bias)
        b_s = self.from_x.bias.detach()[:hidden_size]
        if longest is None:
            b_s.fill_(1.0)
        else:
            b_s.uniform_(1.0, longest).log_()

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        s, n = (self.from_x(x) + self.from_h(state.h)).chunk(2, -1)
        h = torch.sigmoid(s) * state.h + torch.sigmoid(self.beta - s) * torch.tanh(n)
        return h, HiddenState(h)
