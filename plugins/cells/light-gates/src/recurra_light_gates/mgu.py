"""The minimal gated unit: one gate that both forgets and resets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra_light_gates.shared import HiddenCell, HiddenState, Size, initialise


class MGU(HiddenCell):
    """Minimal gated unit: a GRU whose single gate f takes the place of both r and 1 − z.

        f = σ(W_f x + U_f h + b_f)
        n = tanh(W_n x + U_n (f ∘ h) + b_n)
        y = h' = (1 − f) ∘ h + f ∘ n

    An f near zero keeps h.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: 2 H (I + H + 1).
    Initialization: W Glorot-uniform and U orthogonal, gate by gate; biases zero.
    Differs from the paper: nothing known.
    Source: Zhou, Wu, Zhang and Zhou 2016, arXiv 1603.09420.
    """

    def __init__(self, input_size: int, *, hidden_size: Size = 128) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, 2 * hidden_size)  # rows: f, n
        self.f_from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.n_from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        initialise(self.from_x, self.f_from_h, self.n_from_h, gates=2)

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h = state.h
        f, n = self.from_x(x).chunk(2, -1)
        f = torch.sigmoid(f + self.f_from_h(h))
        n = torch.tanh(n + self.n_from_h(f * h))
        h = h + f * (n - h)
        return h, HiddenState(h)
