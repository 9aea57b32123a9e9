"""The minimal recurrent network: the input is embedded, and one gate mixes it into the state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra_light_gates.shared import HiddenCell, HiddenState, Size, initialise


class MinimalRNN(HiddenCell):
    """Network that mixes an embedding of the input into its state, by a single gate.

        z = tanh(W x + b)
        u = σ(U_h h + U_z z + b_u)
        y = h' = u ∘ h + (1 − u) ∘ z

    The state stays in the space of the embedded inputs, since it is a weighted mean of them.

    Shapes: x (B, I), z and h (B, H), y (B, H).  Parameters: H (I + 1) + H (2 H + 1).
    Initialization: W Glorot-uniform, U_h and U_z orthogonal; biases zero.
    Differs from the paper: the embedding of the input is one layer, where the paper allows any network.
    Source: Chen 2017, arXiv 1711.06788.
    """

    def __init__(self, input_size: int, *, hidden_size: Size = 128) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_z = nn.Linear(hidden_size, hidden_size)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        initialise(self.from_x, self.from_z, self.from_h, gates=1)
        nn.init.zeros_(self.from_z.bias)

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        z = torch.tanh(self.from_x(x))
        u = torch.sigmoid(self.from_h(state.h) + self.from_z(z))
        h = z + u * (state.h - z)
        return h, HiddenState(h)
