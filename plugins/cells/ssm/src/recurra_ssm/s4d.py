"""S4D: a diagonal state space model for each channel."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, InvalidOption
from recurra_ssm.complex_state import ComplexState, moduli, product
from recurra_ssm.options import Longest, Shortest, Size, check_range
from recurra_ssm.step_sizes import log_step_sizes
from recurra_ssm.zero_order_hold import zero_order_hold

StateSize = Annotated[int, Field(gt=1, description="N, even: state of a channel, in N / 2 conjugate pairs")]
Spectrum = Annotated[
    Literal["lin", "inv", "real"], Field(description="initial eigenvalues A of each channel")
]


def initial_eigenvalues(spectrum: str, pairs: int) -> tuple[Tensor, Tensor]:
    """Return −Re A and Im A, (pairs,) each, of S4D-Lin, S4D-Inv or S4D-Real."""
    n, order = torch.arange(pairs, dtype=torch.get_default_dtype()), 2 * pairs
    if spectrum == "real":
        return n + 1, torch.zeros_like(n)
    if spectrum == "lin":
        return torch.full_like(n, 0.5), math.pi * n
    return torch.full_like(n, 0.5), order / math.pi * (order / (2 * n + 1) - 1)


class S4D(Cell[ComplexState]):
    """A linear state space model for each of H channels, with N / 2 pairs of complex eigenvalues.

        u = W x + b;  Ā = e^{ΔA};  B̄ = A⁻¹ (Ā − 1)
        s' = Ā ∘ s + B̄ u                  for each channel
        y = 2 Re(Σ_n C_n s'_n) + D ∘ u

    A = −e^α + i ω with learned α and ω, so the state always decays. A step stands for the time Δ of its
    channel. `spectrum` selects the initial A for n = 0 to N / 2 − 1: S4D-Lin −½ + iπn, S4D-Inv
    −½ + i (N / π)(N / (2n + 1) − 1), S4D-Real −(n + 1). The cell is linear; models alternate it with
    nonlinear layers.

    Shapes: x (B, I), re and im (B, H, N / 2), y (B, H).
    Parameters: H (I + 1) for W and b, and H (2 N + 2) for Δ, A, C and D.
    Initialization: Δ log-uniform in [dt_min, dt_max]; real and imaginary parts of C normal with variance ½;
    D normal; W and b that of `nn.Linear`.
    Differs from the paper: W and b, which let the widths of x and y differ. B is constant 1, as in the
    authors' minimal code. The output is y itself, without the GELU and the GLU that follow in that code.
    With `real` the state stays complex, and the imaginary parts of A are learned from zero on.
    Raises: InvalidOption: `state_size` is odd, or `dt_min` exceeds `dt_max`.
    Source: Gu, Gupta, Goel and Ré 2022, arXiv 2206.11893.
    """

    contract_options = {"hidden_size": 4, "state_size": 6}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        state_size: StateSize = 64,
        spectrum: Spectrum = "lin",
        dt_min: Shortest = 0.001,
        dt_max: Longest = 0.1,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if state_size % 2:
            raise InvalidOption(f"S4D: state_size = {state_size} must be even")
        check_range("S4D", ("dt_min", "dt_max"), dt_min, dt_max)
        self.pairs = state_size // 2
        decay, frequency = initial_eigenvalues(spectrum, self.pairs)
        self.from_x = nn.Linear(input_size, hidden_size)
        self.log_dt = nn.Parameter(log_step_sizes(hidden_size, dt_min, dt_max))
        self.log_decay = nn.Parameter(decay.log().repeat(hidden_size, 1))
        self.frequency = nn.Parameter(frequency.repeat(hidden_size, 1))
        self.C = nn.Parameter(torch.randn(2, hidden_size, self.pairs) * math.sqrt(0.5))  # real, imaginary
        self.D = nn.Parameter(torch.randn(hidden_size))

    def initial_state(self, batch_size: int) -> ComplexState:
        """Return zeros."""
        return ComplexState(*(self.zeros(batch_size, self.output_size, self.pairs) for _ in "ri"))

    def step(self, x: Tensor, state: ComplexState) -> tuple[Tensor, ComplexState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        u = self.from_x(x)
        dt, decay = self.log_dt.exp()[:, None], self.log_decay.exp()
        A_re, A_im, B_re, B_im = zero_order_hold(dt, decay, self.frequency)  # (H, N / 2) each
        kept_re, kept_im = product((A_re, A_im), (state.re, state.im))
        s_re, s_im = kept_re + B_re * u[:, :, None], kept_im + B_im * u[:, :, None]
        y = 2 * (self.C[0] * s_re - self.C[1] * s_im).sum(-1) + self.D * u
        return y, ComplexState(s_re, s_im)

    def diagnostics(self, state: ComplexState) -> dict[str, Tensor]:
        """Return the absolute values of the state."""
        return {"moduli of the state": moduli(state)}
