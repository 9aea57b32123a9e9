"""The linear recurrent unit: a complex diagonal recurrence that is initialised on a ring."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_ssm.complex_state import ComplexState, moduli, product
from recurra_ssm.options import Size, check_range

StateSize = Annotated[int, Field(gt=0, description="N, number of complex units in the state")]
Inner = Annotated[float, Field(ge=0, lt=1, description="smallest initial modulus of an eigenvalue")]
Outer = Annotated[float, Field(gt=0, le=1, description="largest initial modulus of an eigenvalue")]
Phase = Annotated[float, Field(gt=0, le=2 * math.pi, description="largest initial phase of an eigenvalue")]
TINY = 1e-6
"""Keeps the logarithms of the initialization finite."""


class LRU(Cell[ComplexState]):
    """Linear recurrence with N complex eigenvalues inside the unit circle.

        λ = exp(−e^ν + i e^θ)
        s' = λ ∘ s + e^γ ∘ (B x)
        y = Re(C s') + D x

    ν, θ, γ, D and the complex B and C are learned; |λ| stays below 1. The cell is linear; models alternate
    it with nonlinear layers.

    Shapes: x (B, I), re and im (B, N), y (B, H).
    Parameters: 3 N for ν, θ and γ, 2 N I + 2 N H for B and C, and H I for D.
    Initialization: λ uniform over the area of the ring r_min ≤ |λ| ≤ r_max with phases up to max_phase;
    γ = log √(1 − |λ|²); real and imaginary parts of B normal of variance 1 / (2 I), those of C of variance
    1 / N, and D of variance 1 / I.
    Differs from the paper: nothing in the equations. In the authors' code D is diagonal, which needs equal
    widths of x and y.
    Raises: InvalidOption: `r_min` exceeds `r_max`.
    Source: Orvieto et al. 2023, arXiv 2303.06349.
    """

    contract_options = {"hidden_size": 4, "state_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        state_size: StateSize = 128,
        r_min: Inner = 0.0,
        r_max: Outer = 1.0,
        max_phase: Phase = 2 * math.pi,
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_range("LRU", ("r_min", "r_max"), r_min, r_max)
        self.state_size = state_size
        square = torch.empty(state_size).uniform_(r_min**2, r_max**2).clamp(TINY, 1 - TINY)  # |λ|²
        phase = max_phase * torch.rand(state_size).clamp(min=TINY)
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(square)))
        self.theta = nn.Parameter(torch.log(phase))
        self.gamma = nn.Parameter(0.5 * torch.log1p(-square))
        self.from_x = nn.Linear(input_size, 2 * state_size, bias=False)  # B, rows: real, imaginary
        self.to_y = nn.Linear(2 * state_size, hidden_size, bias=False)  # C, columns: real, imaginary
        self.skip = nn.Linear(input_size, hidden_size, bias=False)  # D
        nn.init.normal_(self.from_x.weight, std=(2 * input_size) ** -0.5)
        nn.init.normal_(self.to_y.weight, std=state_size**-0.5)
        nn.init.normal_(self.skip.weight, std=input_size**-0.5)

    def initial_state(self, batch_size: int) -> ComplexState:
        """Return zeros."""
        return ComplexState(*(self.zeros(batch_size, self.state_size) for _ in "ri"))

    def step(self, x: Tensor, state: ComplexState) -> tuple[Tensor, ComplexState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        modulus, phase, gain = torch.exp(-self.nu.exp()), self.theta.exp(), self.gamma.exp()
        B_re, B_im = self.from_x(x).chunk(2, -1)  # (B, N) each
        lambda_ = modulus * torch.cos(phase), modulus * torch.sin(phase)
        kept_re, kept_im = product(lambda_, (state.re, state.im))
        s_re, s_im = kept_re + gain * B_re, kept_im + gain * B_im
        y = self.to_y(torch.cat([s_re, -s_im], -1)) + self.skip(x)
        return y, ComplexState(s_re, s_im)

    def diagnostics(self, state: ComplexState) -> dict[str, Tensor]:
        """Return the absolute values of the state."""
        return {"moduli of the state": moduli(state)}
