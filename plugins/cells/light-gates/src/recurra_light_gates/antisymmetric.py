"""The antisymmetric network: Euler steps of a differential equation that neither explodes nor decays."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from recurra_light_gates.shared import HiddenCell, HiddenState, Size

StepSize = Annotated[float, Field(gt=0, description="ε, step size of the Euler method")]
Diffusion = Annotated[float, Field(ge=0, description="γ, damping that keeps the discrete steps stable")]
Gated = Annotated[bool, Field(description="multiply the update by an input gate")]
Spread = Annotated[
    float, Field(ge=0, description="σ: the initial entries of W have standard deviation σ / √H")
]


class AntisymmetricRNN(HiddenCell):
    """Residual network over time whose recurrent matrix is antisymmetric, up to a little damping.

        A = W − Wᵀ − γ I
        y = h' = h + ε tanh(A h + V x + b)
        z = σ(A h + V_z x + b_z);  y = h' = h + ε z ∘ tanh(A h + V x + b)          gated

    The eigenvalues of W − Wᵀ are imaginary, so the differential equation behind the steps neither forgets
    nor explodes; γ makes up for the error of the Euler method.

    Shapes: x (B, I), h (B, H), y (B, H).
    Parameters: H² + H (I + 1), and H (I + 1) more if gated. Of the H² numbers in W, A depends on
    H (H − 1) / 2 differences, which is what the paper counts.
    Initialization: V normal with variance 1 / I, W normal with variance σ² / H; biases zero.
    Differs from the paper: it searches over ε, γ and σ for each task; the defaults are from its grid for ε
    and σ, and γ is our own choice.
    Source: Chang, Chen, Haber and Chi 2019, arXiv 1902.09689.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        step_size: StepSize = 0.1,
        diffusion: Diffusion = 0.01,
        gated: Gated = False,
        spread: Spread = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.step_size, self.diffusion, self.gated = step_size, diffusion, gated
        self.from_x = nn.Linear(input_size, (2 if gated else 1) * hidden_size)  # rows: h, z
        self.from_h = nn.Parameter(torch.randn(hidden_size, hidden_size) * spread / math.sqrt(hidden_size))
        nn.init.normal_(self.from_x.weight, std=1 / math.sqrt(input_size))
        nn.init.zeros_(self.from_x.bias)

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h, W = state.h, self.from_h
        # Not W.T: torch.export takes the attribute for a second weight that shares the memory of W.
        recalled = linear(h, W - W.t()) - self.diffusion * h  # A h
        n, *z = self.from_x(x).split(self.output_size, -1)
        update = torch.tanh(recalled + n)
        if self.gated:
            update = torch.sigmoid(recalled + z[0]) * update
        h = h + self.step_size * update
        return h, HiddenState(h)
