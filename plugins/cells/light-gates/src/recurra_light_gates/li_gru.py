"""The light GRU: no reset gate, ReLU candidates, and a normalised product with the input."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra_light_gates.shared import HiddenCell, HiddenState, Size, initialise

Norm = Annotated[
    Literal["layer", "none"],
    Field(description="normalise W_z x and W_n x, each over its units (layer), or add a bias instead (none)"),
]
Candidate = Annotated[Literal["relu", "tanh"], Field(description="φ, activation of the candidate n")]
LARGE = 1e15
"""The square of a number far beyond this one overflows float32, and with it the variance of LN."""


class LiGRU(HiddenCell):
    """Light gated recurrent unit: a GRU without reset gate, with ReLU candidates and normalised inputs.

        z = σ(LN(W_z x) + U_z h);  n = φ(LN(W_n x) + U_n h)          norm = layer
        z = σ(W_z x + b_z + U_z h);  n = φ(W_n x + b_n + U_n h)      norm = none
        y = h' = z ∘ h + (1 − z) ∘ n

    φ is ReLU or tanh, by the option `candidate`. A z near one keeps h, as in `gru`.

    Shapes: x (B, I), h (B, H), y (B, H).
    Parameters: 2 H (I + H), and 4 H more for the gains and biases of LN, or 2 H for b.
    Initialization: W Glorot-uniform and U orthogonal, gate by gate; gains one, biases zero.
    Differs from the paper: layer normalisation takes the place of batch normalisation, which makes the
    result of a sequence depend on the others in its batch, and in training on later steps. W x is kept
    within ± 10^15. The paper's recurrent dropout is an option of every model.
    Source: Ravanelli, Brakel, Omologo and Bengio 2018, arXiv 1803.10225.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        norm: Norm = "layer",
        candidate: Candidate = "relu",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.function = torch.relu if candidate == "relu" else torch.tanh
        self.from_x = nn.Linear(input_size, 2 * hidden_size, bias=norm == "none")  # rows: z, n
        self.from_h = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        initialise(self.from_x, self.from_h, gates=2)
        made = nn.LayerNorm if norm == "layer" else nn.Identity
        self.norm_z, self.norm_n = made(hidden_size), made(hidden_size)

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        x_z, x_n = self.from_x(x).clamp(-LARGE, LARGE).chunk(2, -1)
        h_z, h_n = self.from_h(state.h).chunk(2, -1)
        n = self.function(self.norm_n(x_n) + h_n)
        h = n + torch.sigmoid(self.norm_z(x_z) + h_z) * (state.h - n)
        return h, HiddenState(h)
