"""Matrices that fade: at a fixed rate for each head (retention), or by gates for each key (GLA)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from recurra import InvalidOption
from recurra_matrix_memory.layer import MatrixCell, projection
from recurra_matrix_memory.memory import MatrixState, PlainMatrixMemory
from recurra_matrix_memory.options import Bias, Count, Gate, Heads, HiddenSize, KeySize, Norm, ValueSize
from recurra_matrix_memory.recurrence import bounded, read, written

Rotation = Annotated[
    bool, Field(description="rotate each pair of key axes by a fixed angle per step, as xPos")
]
Temperature = Annotated[
    float, Field(gt=0, description="τ of α = σ(·)^(1/τ); larger values remember longer at first")
]
Rank = Annotated[Count, Field(description="R, rank of the weights of the gates α")]
SLOWEST = 10_000.0
"""The pairs of key axes turn by angles from 1 to 1 / SLOWEST per step."""


class RetentionMemory(PlainMatrixMemory):
    """Linear attention whose heads forget at fixed rates, and whose keys turn with their age.

        S' = γ S Rᵀ + v kᵀ / √K;  r = S' q;  γ = 1 − 2^(−5 − j) in head j = 0, 1, ...

    R turns the pair of key axes (i, i + K/2) by the angle −θ_i, θ from 1 to 1e-4 in geometric steps. A key of
    age n is then R^n k, which equals giving q at step t the rotation R^−t and k at step s R^−s, as is usual.
    Without `rotation`, R is the identity.

    Shapes: interface (B, h (2 K + V)) holds q, k and v, r (B, h V).
    Parameters: none.  Initialization: S zero.
    Differs from the paper: the rotation has no xPos growth, as in its own code; the axes of a pair are
    K/2 apart instead of adjacent; the numbers of q, k and v are held within ±1e4.
    Source: Sun et al. 2023, arXiv 2307.08621.

    Raises:
        InvalidOption: `rotation` with an odd `key_size`.
    """

    gamma: Tensor
    cos: Tensor
    sin: Tensor

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        *,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 16,
        rotation: Rotation = True,
    ) -> None:
        if rotation and key_size % 2:
            message = f"key_size = {key_size} must be even, since the rotation turns pairs of axes"
            raise InvalidOption(f"RetentionMemory: {message}; take {key_size + 1} or rotation = false")
        super().__init__((heads, value_size, key_size), (key_size, key_size, value_size))
        self.rotation = rotation
        theta = SLOWEST ** -torch.linspace(0, 1, key_size // 2)
        self.register_buffer("gamma", 1 - 2.0 ** (-5 - torch.arange(heads))[:, None, None])
        self.register_buffer("cos", torch.cos(theta))
        self.register_buffer("sin", torch.sin(theta))

    def step(self, interface: Tensor, state: MatrixState) -> tuple[Tensor, MatrixState]:
        """Write, then read: interface (B, h (2 K + V)), state -> r (B, h V), state."""
        q, k, v = self.split(bounded(interface))
        S = written(self.gamma * self._turned(state.S), k * self.key_size**-0.5, v)
        return read(S, q).flatten(1), MatrixState(S)

    def _turned(self, S: Tensor) -> Tensor:
        if not self.rotation:
            return S
        a, b = S.chunk(2, -1)
        return torch.cat([a * self.cos + b * self.sin, b * self.cos - a * self.sin], -1)


class RetentionCell(MatrixCell[MatrixState]):
    """Multi-scale retention, the layer of the RetNet.

        r = memory(W x + b);  y = W_o (norm(r) ∘ swish(W_g x + b_g))

    The memory is `RetentionMemory`; the norm is that of a group per head.

    Shapes: x (B, I), S (B, h, V, K), y (B, H).
    Parameters: h (2 K + V) (I + 1) + h V (H + I + 1) + 2 h V.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I; gain of the norm one, bias zero.
    Differs from the paper: W and W_g have biases unless `bias` is false; see also `RetentionMemory`.
    Source: Sun et al. 2023, arXiv 2307.08621.
    """

    contract_options = {"hidden_size": 5, **RetentionMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 64,
        rotation: Rotation = True,
        norm: Norm = "layer",
        gate: Gate = True,
        bias: Bias = True,
    ) -> None:
        memory = RetentionMemory(heads=heads, key_size=key_size, value_size=value_size, rotation=rotation)
        super().__init__(input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias)


class GLAMemory(PlainMatrixMemory):
    """Linear attention in which every key axis forgets at a rate that depends on the input.

        S' = S diag(α) + v kᵀ;  r = S' q / √K;  α = σ(a)^(1/τ)

    Shapes: interface (B, h (3 K + V)) holds q, k, v and a, r (B, h V).
    Parameters: none.  Initialization: S zero.
    Differs from the paper: the numbers of q, k and v are held within ±1e4. The factor
    1/√K is that of its code.
    Source: Yang, Wang, Shen, Panda and Kim 2023, arXiv 2312.06635.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        *,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 16,
        temperature: Temperature = 16.0,
    ) -> None:
        super().__init__((heads, value_size, key_size), (key_size, key_size, value_size, key_size))
        self.temperature = temperature

    def step(self, interface: Tensor, state: MatrixState) -> tuple[Tensor, MatrixState]:
        """Write, then read: interface (B, h (3 K + V)), state -> r (B, h V), state."""
        q, k, v, a = self.split(bounded(interface))
        alpha = torch.exp(logsigmoid(a) / self.temperature)
        S = written(state.S * alpha[..., None, :], k, v)
        return read(S, q * self.key_size**-0.5).flatten(1), MatrixState(S)


class GLAInterface(nn.Module):
    """The layer that drives a `GLAMemory`: W x + b for q, k and v, and W_2 W_1 x + c for a."""

    def __init__(self, input_size: int, memory: GLAMemory, rank: int, *, bias: bool) -> None:
        super().__init__()
        gates = memory.sizes[-1]
        self.vectors = projection(input_size, memory.input_size - gates, bias=bias)
        self.down = projection(input_size, rank, bias=False)
        self.up = projection(rank, gates, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return q, k, v and a: x (B, I) -> (B, h (3 K + V))."""
        return torch.cat([self.vectors(x), self.up(self.down(x))], -1)


class GLACell(MatrixCell[MatrixState]):
    """Gated linear attention as a layer.

        r = memory([W x + b, W_2 W_1 x + c]);  y = W_o (norm(r) ∘ swish(W_g x + b_g))

    The memory is `GLAMemory`; W_1 (R, I) and W_2 (h K, R) compute its gates.

    Shapes: x (B, I), S (B, h, V, K), y (B, H).
    Parameters: h (2 K + V) (I + 1) + R I + h K (R + 1) + h V (H + I + 1) + 2 h V.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I; gain of the norm one, bias zero.
    Differs from the paper: W has a bias unless `bias` is false, which takes that of W_g too; see
    also `GLAMemory`.
    Source: Yang, Wang, Shen, Panda and Kim 2023, arXiv 2312.06635.
    """

    contract_options = {"hidden_size": 5, "gate_rank": 2, **GLAMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 32,
        temperature: Temperature = 16.0,
        gate_rank: Rank = 16,
        norm: Norm = "layer",
        gate: Gate = True,
        bias: Bias = True,
    ) -> None:
        sizes = {"heads": heads, "key_size": key_size, "value_size": value_size}
        memory = GLAMemory(**sizes, temperature=temperature)
        interface = GLAInterface(input_size, memory, gate_rank, bias=bias)
        super().__init__(
            input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias, interface=interface
        )
