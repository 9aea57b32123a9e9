"""Mamba: a state space model whose step size, input and output weights depend on the input."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from recurra import Cell
from recurra_ssm.convolution import LARGEST, CausalConvolution
from recurra_ssm.options import Expansion, Longest, Shortest, Size, Window, check_range
from recurra_ssm.step_sizes import before_softplus

StateSize = Annotated[int, Field(gt=0, description="N, size of the state of each inner channel")]


class MambaState(NamedTuple):
    """The state: S (B, D, N) and the last inputs of the convolution, window (B, k − 1, D)."""

    S: Tensor
    window: Tensor


class Mamba(Cell[MambaState]):
    """Selective state space model (S6) with its convolution and gate: the inner part of a Mamba block.

        v, z = W_in x
        u = silu(conv(v))
        d, B, C = W_u u
        Δ = softplus(W_Δ d + b_Δ)
        S' = e^{ΔA} ∘ S + (Δ ∘ u) Bᵀ,  A = −e^α
        y = W_out ((S' C + D ∘ u) ∘ silu(z))

    The inner width is D = expansion · H, and d has ⌈H / 16⌉ elements. A large Δ replaces the state by the
    input, a small one keeps the state.

    Shapes: x (B, I), S (B, D, N), window (B, k − 1, D), y (B, H).
    Parameters, with R = ⌈H / 16⌉: 2 D I + D (k + 1) + D (R + 2 N) + R D + D + D N + D + D H.
    Initialization: A = −(1, ..., N) in every channel, softplus(b_Δ) log-uniform in [dt_min, dt_max], W_Δ
    uniform in ± R^{−½}, the vector D one, all others those of `nn.Linear` and `nn.Conv1d`.
    Differs from the paper: v and z are limited to ± 10^6, so that no input overflows float32. The norm before
    the block and the residual connection around it are left to the model.
    Raises: InvalidOption: `dt_min` exceeds `dt_max`.
    Source: Gu and Dao 2023, arXiv 2312.00752.
    """

    contract_options = {"hidden_size": 4, "state_size": 3, "expansion": 1}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        state_size: StateSize = 16,
        expansion: Expansion = 2,
        window: Window = 4,
        dt_min: Shortest = 0.001,
        dt_max: Longest = 0.1,
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_range("Mamba", ("dt_min", "dt_max"), dt_min, dt_max)
        width, rank = expansion * hidden_size, math.ceil(hidden_size / 16)
        self.sizes = [rank, state_size, state_size]
        self.from_x = nn.Linear(input_size, 2 * width, bias=False)  # rows: v, z
        self.conv = CausalConvolution(width, window)
        self.from_u = nn.Linear(width, sum(self.sizes), bias=False)  # rows: d, B, C
        self.to_delta = nn.Linear(rank, width)
        self.log_decay = nn.Parameter(torch.arange(1.0, state_size + 1).log().repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))
        self.to_y = nn.Linear(width, hidden_size, bias=False)
        nn.init.uniform_(self.to_delta.weight, -(rank**-0.5), rank**-0.5)
        with torch.no_grad():
            self.to_delta.bias.copy_(before_softplus(width, dt_min, dt_max))

    def initial_state(self, batch_size: int) -> MambaState:
        """Return zeros."""
        steps, width = self.conv.weight.shape
        S = self.zeros(batch_size, *self.log_decay.shape)
        return MambaState(S, self.zeros(batch_size, steps - 1, width))

    def step(self, x: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        v, z = self.from_x(x).clamp(-LARGEST, LARGEST).chunk(2, -1)  # (B, D) each
        v, window = self.conv(v, state.window)
        u = silu(v)
        d, B, C = self.from_u(u).split(self.sizes, -1)
        delta = softplus(self.to_delta(d))
        decay = torch.exp(-delta[:, :, None] * self.log_decay.exp())  # (B, D, N)
        S = decay * state.S + (delta * u)[:, :, None] * B[:, None]
        y = (S * C[:, None]).sum(-1) + self.D * u
        return self.to_y(y * silu(z)), MambaState(S, window)

    def diagnostics(self, state: MambaState) -> dict[str, Tensor]:
        """Return the norm of the state of each inner channel."""
        return {"norm of each channel": torch.linalg.vector_norm(state.S, dim=-1)}
