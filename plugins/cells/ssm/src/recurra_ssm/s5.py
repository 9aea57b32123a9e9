"""S5: one diagonal state space model with all channels as its inputs and outputs."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_ssm.complex_state import ComplexState, moduli, product
from recurra_ssm.hippo import block_eigenvectors
from recurra_ssm.options import Longest, Shortest, Size, check_divides, check_range
from recurra_ssm.step_sizes import log_step_sizes
from recurra_ssm.zero_order_hold import zero_order_hold

StateSize = Annotated[int, Field(gt=1, description="P, even: size of the state, in P / 2 conjugate pairs")]
Blocks = Annotated[int, Field(gt=0, description="J, number of HiPPO-N blocks in the initial A")]


class S5(Cell[ComplexState]):
    """A linear state space model with one state for all channels, P / 2 pairs of complex eigenvalues.

        Λ̄ = e^{ΔΛ};  B̄ = Λ⁻¹ (Λ̄ − 1) B̃
        s' = Λ̄ ∘ s + B̄ x
        y = 2 Re(C̃ s') + D x

    Λ = −e^α + i ω with learned α and ω, so the state always decays; each pair has its own step size Δ. The
    cell is linear; models alternate it with nonlinear layers.

    Shapes: x (B, I), re and im (B, P / 2), y (B, H).
    Parameters: 3 P / 2 for Λ and Δ, P I + P H for B̃ and C̃, and H I for D.
    Initialization: Λ and the eigenvectors V from J blocks of HiPPO-N, of size P / J each; B̃ = V⁻¹ B and
    C̃ = C V with B normal of variance 1 / I, real and imaginary parts of C normal of variance 1 / P;
    Δ log-uniform in [dt_min, dt_max]; D normal of variance 1 / I.
    Differs from the paper: D is a matrix, so that the widths of x and y may differ; in the authors' code it
    is diagonal. That code stores Re Λ itself, which learning can make positive, and draws B and C from a
    truncated normal distribution. The output is y itself, without the activation function that follows.
    Raises: InvalidOption: 2 J does not divide P, or `dt_min` exceeds `dt_max`.
    Source: Smith, Warrington and Linderman 2023, arXiv 2208.04933.
    """

    contract_options = {"hidden_size": 4, "state_size": 6}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        state_size: StateSize = 128,
        blocks: Blocks = 1,
        dt_min: Shortest = 0.001,
        dt_max: Longest = 0.1,
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_divides("S5", ("2 blocks", 2 * blocks), ("state_size", state_size))
        check_range("S5", ("dt_min", "dt_max"), dt_min, dt_max)
        self.pairs = state_size // 2
        decay, frequency, V = block_eigenvectors(state_size, blocks)
        self.log_dt = nn.Parameter(log_step_sizes(self.pairs, dt_min, dt_max))
        self.log_decay = nn.Parameter(decay.log())
        self.frequency = nn.Parameter(frequency)
        self.from_x = nn.Linear(input_size, state_size, bias=False)  # B̃, rows: real, imaginary
        self.to_y = nn.Linear(state_size, hidden_size, bias=False)  # C̃, columns: real, imaginary
        self.skip = nn.Linear(input_size, hidden_size, bias=False)  # D
        self._init_matrices(V)

    @torch.no_grad()
    def _init_matrices(self, V: Tensor) -> None:
        B = torch.randn(V.shape[0], self.input_size) / self.input_size**0.5
        C = torch.complex(*torch.randn(2, self.output_size, V.shape[0])) / V.shape[0] ** 0.5
        B_tilde, C_tilde = V.mH @ B.to(V.dtype), C.to(V.dtype) @ V
        self.from_x.weight.copy_(torch.cat([B_tilde.real, B_tilde.imag]))
        self.to_y.weight.copy_(torch.cat([C_tilde.real, C_tilde.imag], 1))
        nn.init.normal_(self.skip.weight, std=self.input_size**-0.5)

    def initial_state(self, batch_size: int) -> ComplexState:
        """Return zeros."""
        return ComplexState(*(self.zeros(batch_size, self.pairs) for _ in "ri"))

    def step(self, x: Tensor, state: ComplexState) -> tuple[Tensor, ComplexState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        L_re, L_im, F_re, F_im = zero_order_hold(self.log_dt.exp(), self.log_decay.exp(), self.frequency)
        B_re, B_im = self.from_x(x).chunk(2, -1)  # B̃ x, (B, P / 2) each
        driven_re, driven_im = product((F_re, F_im), (B_re, B_im))
        kept_re, kept_im = product((L_re, L_im), (state.re, state.im))
        s_re, s_im = kept_re + driven_re, kept_im + driven_im
        y = 2 * self.to_y(torch.cat([s_re, -s_im], -1)) + self.skip(x)
        return y, ComplexState(s_re, s_im)

    def diagnostics(self, state: ComplexState) -> dict[str, Tensor]:
        """Return the absolute values of the state."""
        return {"moduli of the state": moduli(state)}
