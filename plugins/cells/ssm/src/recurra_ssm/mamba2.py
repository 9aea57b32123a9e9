"""Mamba-2: the selective state space model with one scalar decay for each head."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from recurra import Cell
from recurra_ssm.convolution import LARGEST, CausalConvolution
from recurra_ssm.options import Expansion, Longest, Shortest, Size, Window, check_divides, check_range
from recurra_ssm.step_sizes import before_softplus

StateSize = Annotated[int, Field(gt=0, description="N, size of the state of each inner channel")]
HeadSize = Annotated[int, Field(gt=0, description="P, number of inner channels in a head")]
Groups = Annotated[int, Field(gt=0, description="G, number of groups of heads that share B and C")]
EPSILON = 1e-5
"""Added to the mean square in the norm, as in the authors' code."""


class Mamba2State(NamedTuple):
    """The state: S (B, heads, P, N) and the last inputs of the convolution, window (B, k − 1, D + 2 G N)."""

    S: Tensor
    window: Tensor


class Mamba2(Cell[Mamba2State]):
    """State space dual model (SSD) with its convolution, gate and norm: the inner part of a Mamba-2 block.

        z, v, δ = W_in x
        u, B, C = silu(conv(v))
        Δ = softplus(δ + b_Δ)
        S' = e^{−Δ e^α} S + (Δ u) Bᵀ          for each head; B and C of its group
        y = W_out (w ∘ RMS((S' C + D u) ∘ silu(z)))

    The inner width is expansion · H, in heads of P channels; e^{−Δ e^α} and D are scalars of a head, and RMS
    divides each of the G groups by the root of its mean square.

    Shapes: x (B, I), S (B, heads, P, N), window (B, k − 1, D + 2 G N), y (B, H).
    Parameters, with D = expansion · H and h heads: I (2 D + 2 G N + h) + (D + 2 G N)(k + 1) + 3 h + D + D H.
    Initialization: e^α uniform in [1, 16], softplus(b_Δ) log-uniform in [dt_min, dt_max], D and w one, all
    others those of `nn.Linear` and `nn.Conv1d`.
    Differs from the paper: z, v and δ are limited to ± 10^6, so that no input overflows float32. The norm
    before the block and the residual connection around it are left to the model.
    Raises: InvalidOption: P does not divide the inner width, G not the heads, or `dt_min` exceeds `dt_max`.
    Source: Dao and Gu 2024, arXiv 2405.21060.
    """

    contract_options = {"hidden_size": 4, "state_size": 3, "head_size": 4, "groups": 2}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        state_size: StateSize = 64,
        head_size: HeadSize = 64,
        groups: Groups = 1,
        expansion: Expansion = 2,
        window: Window = 4,
        dt_min: Shortest = 0.001,
        dt_max: Longest = 0.1,
    ) -> None:
        super().__init__(input_size, hidden_size)
        width = expansion * hidden_size
        check_range("Mamba2", ("dt_min", "dt_max"), dt_min, dt_max)
        check_divides("Mamba2", ("head_size", head_size), ("expansion · hidden_size", width))
        heads = width // head_size
        check_divides("Mamba2", ("groups", groups), ("number of heads", heads))
        self.shape = (groups, heads // groups, head_size, state_size)
        self.sizes = [width, groups * state_size, groups * state_size]  # u, B, C
        self.from_x = nn.Linear(input_size, width + sum(self.sizes) + heads, bias=False)  # rows: z, v, δ
        self.conv = CausalConvolution(sum(self.sizes), window)
        self.delta_bias = nn.Parameter(before_softplus(heads, dt_min, dt_max))
        self.log_decay = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.scale = nn.Parameter(torch.ones(width))  # w
        self.to_y = nn.Linear(width, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> Mamba2State:
        """Return zeros."""
        groups, heads, *head = self.shape
        steps, width = self.conv.weight.shape
        S = self.zeros(batch_size, groups * heads, *head)
        return Mamba2State(S, self.zeros(batch_size, steps - 1, width))

    def step(self, x: Tensor, state: Mamba2State) -> tuple[Tensor, Mamba2State]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        width, inner = self.sizes[0], sum(self.sizes)
        projected = self.from_x(x).clamp(-LARGEST, LARGEST)
        z, v, delta = torch.split(projected, [width, inner, self.D.shape[0]], -1)
        v, window = self.conv(v, state.window)
        u, B, C = torch.split(silu(v), self.sizes, -1)
        y, S = self._advance(u, B, C, softplus(delta + self.delta_bias), state.S)
        return self.to_y(self._normalised(y * silu(z))), Mamba2State(S, window)

    def _advance(self, u: Tensor, B: Tensor, C: Tensor, delta: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """Write into the state and read it: u (B, D), B and C (B, G N), Δ (B, heads), S -> y (B, D), S."""
        groups, heads, P, N = self.shape
        u = u.view(-1, groups, heads, P)
        B, C = (t.view(-1, groups, 1, 1, N) for t in (B, C))
        a = torch.exp(-delta * self.log_decay.exp()).view(-1, groups, heads, 1, 1)
        written = (delta.view(-1, groups, heads, 1) * u)[..., None] * B
        S = a * S.view(-1, groups, heads, P, N) + written
        y = (S * C).sum(-1) + self.D.view(groups, heads, 1) * u
        return y.flatten(1), S.flatten(1, 2)

    def _normalised(self, y: Tensor) -> Tensor:
        """Return y (B, D), divided group by group by the root of its mean square, times w."""
        grouped = y.view(-1, self.shape[0], self.sizes[0] // self.shape[0])
        mean = (grouped * grouped).mean(-1, keepdim=True)
        return self.scale * (grouped * torch.rsqrt(mean + EPSILON)).flatten(1)

    def diagnostics(self, state: Mamba2State) -> dict[str, Tensor]:
        """Return the norm of the state of each head."""
        return {"norm of each head": torch.linalg.vector_norm(state.S.flatten(2), dim=-1)}
