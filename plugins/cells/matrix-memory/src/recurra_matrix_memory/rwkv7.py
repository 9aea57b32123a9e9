"""RWKV-7: a delta rule that decays each key axis, and removes and writes under different keys."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_matrix_memory.layer import HeadNorm, projection
from recurra_matrix_memory.memory import MatrixState, PlainMatrixMemory
from recurra_matrix_memory.options import Bias, Count, Heads, HiddenSize
from recurra_matrix_memory.recurrence import bounded, outer, read, unit, written

HeadSize = Annotated[Count, Field(description="K, width of a key, a query and a value, per head")]
Rank = Annotated[Count, Field(description="R, rank of the weights of w, of a and of the gate g")]
FASTEST = math.exp(-0.5)
"""The decay w is exp(−e^−½ σ(·)), between 0.545 and one."""
NORM_EPSILON = 1e-5
STREAMS = 6
"""r, w, k, v, a and g each read their own mixture of x and the x before."""


class Parts(NamedTuple):
    """What a step is made from, (B, h, K) each; r, k, v as in the equations, kappa of length one."""

    r: Tensor
    w: Tensor
    k: Tensor
    v: Tensor
    a: Tensor
    kappa: Tensor


class RWKV7Memory(PlainMatrixMemory):
    """A matrix that decays, forgets what it holds under one key and stores a value under another.

        S' = S diag(w) − (S κ̂) (a ∘ κ̂)ᵀ + v k̃ᵀ;  r' = S' r
        w = exp(−e^−½ σ(w̃));  a = σ(ã);  κ̂ = k ∘ ξ / ‖k ∘ ξ‖;  k̃ = k ∘ (1 + (a − 1) ∘ α)

    Shapes: interface (B, 5 h K) holds r, w̃, k, v and ã, r' (B, h K).
    Parameters: 2 h K, ξ and α.  Initialization: S zero; ξ from 0.76 to 0.66 along the channels, α 1.02.
    Differs from the paper: 1e-6 is added to the squared length; the raw numbers are held within ±1e4.
    Source: Peng et al. 2025, arXiv 2503.14456.
    """

    contract_options = {"heads": 2, "head_size": 4}

    def __init__(self, *, heads: Heads = 4, head_size: HeadSize = 16) -> None:
        super().__init__((heads, head_size, head_size), [head_size] * 5)
        self.xi = nn.Parameter(torch.linspace(0.76, 0.66, heads * head_size).view(heads, head_size))
        self.alpha = nn.Parameter(torch.full((heads, head_size), 1.02))

    def parts(self, interface: Tensor) -> Parts:
        """Return what the interface (B, 5 h K) makes the memory do."""
        r, w, k, v, a = self.split(bounded(interface))
        w, a = torch.exp(-FASTEST * torch.sigmoid(w)), torch.sigmoid(a)
        return Parts(r, w, k * (1 + (a - 1) * self.alpha), v, a, unit(k * self.xi))

    def advance(self, parts: Parts, state: MatrixState) -> tuple[Tensor, MatrixState]:
        """Decay, remove, write, then read: parts (B, h, K), state -> (B, h K), state."""
        r, w, k, v, a, kappa = parts
        removed = outer(read(state.S, kappa), a * kappa)
        S = written(state.S * w[..., None, :] - removed, k, v)
        return read(S, r).flatten(1), MatrixState(S)

    def step(self, interface: Tensor, state: MatrixState) -> tuple[Tensor, MatrixState]:
        """Decay, remove, write, then read: interface (B, 5 h K), state -> r' (B, h K), state."""
        return self.advance(self.parts(interface), state)


class RWKV7State(NamedTuple):
    """The state: S (B, h, K, K), and the x (B, I) of the step before."""

    S: Tensor
    x: Tensor


class LowRank(nn.Module):
    """W_2 f(W_1 x) + b: x (B, I) -> (B, O).  Parameters: R (I + O), and O with a bias."""

    def __init__(self, sizes: tuple[int, int, int], function: nn.Module, *, bias: bool) -> None:
        super().__init__()
        inputs, rank, outputs = sizes
        self.down, self.function = projection(inputs, rank, bias=False), function
        self.up = projection(rank, outputs, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return W_2 f(W_1 x) + b."""
        output: Tensor = self.up(self.function(self.down(x)))
        return output


class RWKV7Cell(Cell[RWKV7State]):
    """The time mixing of RWKV-7, as a layer.

        x_s = x + μ_s ∘ (x⁻ − x)  for each stream s of r, w, k, v, a and g;  x⁻ is x of the step before
        r = W_r x_r + b_r;  k = W_k x_k + b_k;  v = W_v x_v + b_v;  w̃ = W_2 tanh(W_1 x_w) + w_0
        ã = A_2 A_1 x_a + a_0;  g = G_2 σ(G_1 x_g);  y = W_o (g ∘ (norm(S' r) + (r · (ρ ∘ k̃)) v))

    S' is that of `RWKV7Memory`; the norm is that of a group per head.

    Shapes: x (B, I), S (B, h, K, K), y (B, H).
    Parameters: 3 h K (I + 1) + h K H + 6 I + 3 R (I + h K) + 7 h K.
    Initialization: weights Glorot-uniform, b uniform in ±1/√I; μ_s of channel i is 1 − (i/I)^p, p = 0.2
    for r and g, 0.9 for w and a, 0.7 for k and v; w_0 from −5.5 to 0.5 along the channels, a_0 −0.19,
    ρ −0.04; gain one, bias of the norm zero.
    Differs from the paper: b_r, b_k and b_v, unless `bias` is false. The residual of v to the first layer is
    left out, since a cell does not see other layers, and with it the embedding and the channel mixing around
    the layer; the three ranks are equal; the zigzag within w_0 and a_0, the orthogonal weights and the zero
    W_o of its initialization are left out.
    Source: Peng et al. 2025, arXiv 2503.14456.
    """

    contract_options = {"hidden_size": 5, "rank": 2, **RWKV7Memory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        head_size: HeadSize = 32,
        rank: Rank = 32,
        bias: Bias = True,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.memory = RWKV7Memory(heads=heads, head_size=head_size)
        width = self.memory.output_size
        powers = torch.tensor([0.2, 0.9, 0.7, 0.7, 0.9, 0.2])[:, None]
        self.mu = nn.Parameter(1 - (torch.arange(input_size) / input_size) ** powers)
        self.from_r, self.from_k, self.from_v = (projection(input_size, width, bias=bias) for _ in range(3))
        self.from_w = LowRank((input_size, rank, width), nn.Tanh(), bias=True)
        self.from_a = LowRank((input_size, rank, width), nn.Identity(), bias=True)
        self.from_g = LowRank((input_size, rank, width), nn.Sigmoid(), bias=False)
        self.rho = nn.Parameter(torch.full((heads, head_size), -0.04))
        self.norm = HeadNorm(heads, head_size, "layer", head_size * NORM_EPSILON)
        self.output = projection(width, hidden_size, bias=False)
        with torch.no_grad():
            self.from_w.up.bias.copy_(torch.linspace(-5.5, 0.5, width))
            self.from_a.up.bias.fill_(-0.19)

    def initial_state(self, batch_size: int) -> RWKV7State:
        """Return zeros."""
        S = self.memory.initial_state(batch_size).S
        return RWKV7State(S, self.zeros(batch_size, self.input_size))

    def step(self, x: Tensor, state: RWKV7State) -> tuple[Tensor, RWKV7State]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        mixed = x[:, None] + self.mu * (state.x - x)[:, None]  # (B, 6, I)
        x_r, x_w, x_k, x_v, x_a, x_g = (part.squeeze(1) for part in mixed.chunk(STREAMS, 1))
        vectors = self.from_r(x_r), self.from_w(x_w), self.from_k(x_k), self.from_v(x_v), self.from_a(x_a)
        parts = self.memory.parts(torch.cat(vectors, -1))
        read_now, (S,) = self.memory.advance(parts, MatrixState(state.S))
        bonus = (parts.r * self.rho * parts.k).sum(-1, keepdim=True) * parts.v
        return self.output(self.from_g(x_g) * (self.norm(read_now) + bonus.flatten(1))), RWKV7State(S, x)

    def diagnostics(self, state: RWKV7State) -> dict[str, Tensor]:
        """Return the diagnostics of the memory."""
        return self.memory.diagnostics(state)
