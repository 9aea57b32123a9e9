"""Linear attention: a sum of values under positive keys, and the sum of the keys to divide by."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from recurra_matrix_memory.layer import MatrixCell
from recurra_matrix_memory.memory import MatrixMemory
from recurra_matrix_memory.options import Bias, Gate, Heads, HiddenSize, KeySize, Norm, ValueSize
from recurra_matrix_memory.recurrence import bounded, read, written

DIVISOR_EPSILON = 1e-6


class LinearAttentionState(NamedTuple):
    """The state: S (B, h, V, K), the sum of v φ(k)ᵀ, and z (B, h, K), the sum of φ(k)."""

    S: Tensor
    z: Tensor


class LinearAttentionMemory(MatrixMemory[LinearAttentionState]):
    """Attention over all steps so far, with a feature map for the exponential of the softmax.

        S' = S + v φ(k)ᵀ;  z' = z + φ(k);  r = S' φ(q) / (z' · φ(q));  φ(u) = elu(u) + 1

    Shapes: interface (B, h (2 K + V)) holds q, k and v, r (B, h V).
    Parameters: none.  Initialization: S and z zero.
    Differs from the paper: the numbers of q, k and v are held within ±1e4. As in its code, 1e-6 is added to
    the divisor.
    Source: Katharopoulos, Vyas, Pappas and Fleuret 2020, arXiv 2006.16236.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(self, *, heads: Heads = 4, key_size: KeySize = 16, value_size: ValueSize = 16) -> None:
        super().__init__((heads, value_size, key_size), (key_size, key_size, value_size))

    def initial_state(self, batch_size: int) -> LinearAttentionState:
        """Return zeros."""
        z = self.zeros(batch_size, self.heads, self.key_size)
        return LinearAttentionState(self.zeros(batch_size, *self.shape), z)

    def step(self, interface: Tensor, state: LinearAttentionState) -> tuple[Tensor, LinearAttentionState]:
        """Write, then read: interface (B, h (2 K + V)), state -> r (B, h V), state."""
        q, k, v = self.split(bounded(interface))
        q, k = _phi(q), _phi(k)
        S, z = written(state.S, k, v), state.z + k
        divisor = (z * q).sum(-1, keepdim=True) + DIVISOR_EPSILON
        return (read(S, q) / divisor).flatten(1), LinearAttentionState(S, z)


class LinearAttentionCell(MatrixCell[LinearAttentionState]):
    """Linear attention as a layer.

        r = memory(W x + b);  y = W_o r

    The memory is `LinearAttentionMemory`. The options `norm` and `gate` add what later layers have,
    y = W_o (norm(r) ∘ swish(W_g x + b_g)).

    Shapes: x (B, I), S (B, h, V, K), z (B, h, K), y (B, H).
    Parameters: h (2 K + V) (I + 1) + h V H; h V (I + 1) more with `gate`, and those of the norm.
    Initialization: W, W_o and W_g Glorot-uniform, biases uniform in ±1/√I.
    Differs from the paper: W_o has no bias, and nothing of the transformer around the layer is here:
    positions, feed-forward layers, residual connections. See `LinearAttentionMemory` too.
    Source: Katharopoulos, Vyas, Pappas and Fleuret 2020, arXiv 2006.16236.
    """

    contract_options = {"hidden_size": 5, **LinearAttentionMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 32,
        norm: Norm = "none",
        gate: Gate = False,
        bias: Bias = True,
    ) -> None:
        memory = LinearAttentionMemory(heads=heads, key_size=key_size, value_size=value_size)
        super().__init__(input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias)


def _phi(u: Tensor) -> Tensor:
    """Return elu(u) + 1, which is e^u below zero and u + 1 above."""
    return torch.relu(u) + torch.exp(u.clamp_max(0))
