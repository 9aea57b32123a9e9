"""The real-gated linear recurrent unit of Griffin and RecurrentGemma."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from recurra import Cell
from recurra_ssm.options import Size, check_divides

Heads = Annotated[int, Field(gt=0, description="number of diagonal blocks in W_r and W_i")]
C = 8.0
"""The constant c of the paper."""
SMALLEST = 2.5e-7
"""1 − a² is kept above this value, where the derivative of its square root is 1000."""


class RGLRUState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class RGLRU(Cell[RGLRUState]):
    """Linear recurrence with real eigenvalues, which the input moves towards 1 to keep the state.

        u = W x + b
        r = σ(W_r u + b_r);  i = σ(W_i u + b_i)
        log a = −c r ∘ softplus(Λ),  c = 8
        y = h' = a ∘ h + √(1 − a²) ∘ (i ∘ u)

    W_r and W_i are block diagonal. With r near zero the step keeps h and ignores u. The cell is linear in h;
    the paper places it behind a short convolution and beside a gate, in a residual block.

    Shapes: x (B, I), h (B, H), y (B, H).
    Parameters: H (I + 1) for W and b, 2 H (H / heads + 1) for both gates, and H for Λ.
    Initialization: e^{−softplus(Λ)}, the eigenvalue to the power 1 / (c r), uniform over the area of the ring
    from 0.9 to 0.999; W_r and W_i normal of variance heads / H; b_r = b_i = 0; W and b that of `nn.Linear`.
    Differs from the paper: W and b, which let the widths of x and y differ. Λ has the opposite sign and the
    initialization of the authors' code; the paper states it for the power c. 1 − a² is at least 2.5e-7, and
    has no gradient below; the code bounds the gradient of the root by 1000 instead. That code also omits
    the root at the first step of a sequence, which the equation does not.
    Raises: InvalidOption: `heads` does not divide `hidden_size`.
    Source: De et al. 2024, arXiv 2402.19427.
    """

    contract_options = {"hidden_size": 6, "heads": 2}

    def __init__(self, input_size: int, *, hidden_size: Size = 128, heads: Heads = 8) -> None:
        super().__init__(input_size, hidden_size)
        check_divides("RGLRU", ("heads", heads), ("hidden_size", hidden_size))
        width = hidden_size // heads
        square = torch.empty(hidden_size).uniform_(0.9**2, 0.999**2)
        self.from_x = nn.Linear(input_size, hidden_size)
        self.Lambda = nn.Parameter(torch.log(torch.expm1(-0.5 * square.log())))
        self.gates = nn.Parameter(torch.randn(heads, width, 2 * width) * width**-0.5)  # columns: r, i
        self.gate_bias = nn.Parameter(torch.zeros(heads, 2 * width))

    def initial_state(self, batch_size: int) -> RGLRUState:
        """Return zeros."""
        return RGLRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        u = self.from_x(x)
        heads = u.unflatten(-1, (self.gates.shape[0], -1))  # (B, heads, H / heads)
        gates = torch.sigmoid(torch.einsum("bhi,hij->bhj", heads, self.gates) + self.gate_bias)
        r, i = (gate.flatten(1) for gate in gates.chunk(2, -1))
        log_a = -C * r * softplus(self.Lambda)
        rest = (-torch.expm1(2 * log_a)).clamp(min=SMALLEST)  # 1 − a²
        h = torch.exp(log_a) * state.h + torch.sqrt(rest) * (i * u)
        return h, RGLRUState(h)

    def diagnostics(self, state: RGLRUState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}
