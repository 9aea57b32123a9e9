"""The mLSTM: a matrix memory with exponential gates."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_xlstm.gates import LOGARITHMS, ForgetGate, Heads, Norm, head_norm, stabilised

KeySize = Annotated[int, Field(gt=0, description="K, width of a key and of a query, per head")]
ValueSize = Annotated[int, Field(gt=0, description="V, width of a value, per head")]
LARGEST = 1e4
"""No number of a key, query or value is larger: their products stay finite in float32."""
EXPONENTS = -14.0, 80.0
"""Bounds of −m in the divisor, e^−m. It is then never zero, as it might be where nᵀ q is, and finite in
float32; where it is e^80, the output is zero anyway."""
FORGET_BIAS, INPUT_BIAS_SCALE = (3.0, 6.0), 0.1


class MLSTMState(NamedTuple):
    """The state: C (B, h, V, K), n (B, h, K), and m (B, h, 1), the logarithm of their scale."""

    C: Tensor
    n: Tensor
    m: Tensor


class MLSTM(Cell[MLSTMState]):
    """LSTM whose cell is a matrix of keys and values, with exponential gates for each head.

        q = W_q x + b_q;  k = (W_k x + b_k) / √K;  v = W_v x + b_v;  o = σ(W_o x + b_o)
        ĩ = w_i · x + b_i;  log f = log σ(w_f · x + b_f)
        m' = max(log f + m, ĩ);  i = e^(ĩ − m');  f' = e^(log f + m − m')
        C' = f' C + i v kᵀ;  n' = f' n + i k;  y = o ∘ C' q / max(|n'ᵀ q|, e^(−m'))

    f is σ(f̃), or e^f̃ by the option `forget_gate`. With `norm`, the quotient is normalised in each head
    before o multiplies it.

    Shapes: x (B, I), C (B, h, V, K), n (B, h, K), m (B, h, 1), y (B, h V).
    Parameters: h (2 K + 2 V + 2) (I + 1), and h V with `norm`.
    Initialization: W Glorot-uniform, b zero; w_i and w_f zero, b_i normal with deviation 0.1, b_f from 3 to 6
    over the heads; gain one; C, n and m zero.
    Differs from the paper: the numbers of q, k and v are held within ±1e4 and −m' in the exponent within −14
    and 80. The block around the cell (up-projection, convolution, skip and gate) is left out; the gates read
    x, where its code lets them read q, k and v.
    Source: Beck et al. 2024, arXiv 2405.04517, section 2.3 and appendix A; the initial gates are those of
    its code.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        input_size: int,
        *,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 32,
        forget_gate: ForgetGate = "sigmoid",
        norm: Norm = True,
    ) -> None:
        super().__init__(input_size, heads * value_size)
        self.heads, self.key_scale, self.log_forget = heads, key_size**-0.5, LOGARITHMS[forget_gate]
        self.shape = (heads, value_size, key_size)
        self.sizes = [heads * size for size in (key_size, key_size, value_size, value_size)]
        self.vectors = nn.Linear(input_size, sum(self.sizes))  # rows: q, k, v, o, each head by head
        self.gates = nn.Linear(input_size, 2 * heads)  # rows: i, f
        self.norm = head_norm(heads, value_size, norm)
        self._initialise()

    def _initialise(self) -> None:
        for W in torch.split(self.vectors.weight, self.sizes):
            nn.init.xavier_uniform_(W)
        nn.init.zeros_(self.vectors.bias)
        nn.init.zeros_(self.gates.weight)
        b_i, b_f = self.gates.bias.chunk(2)
        nn.init.normal_(b_i, std=INPUT_BIAS_SCALE)
        with torch.no_grad():
            b_f.copy_(torch.linspace(*FORGET_BIAS, self.heads))

    def initial_state(self, batch_size: int) -> MLSTMState:
        """Return zeros."""
        heads, _, keys = self.shape
        n, m = self.zeros(batch_size, heads, keys), self.zeros(batch_size, heads, 1)
        return MLSTMState(self.zeros(batch_size, *self.shape), n, m)

    def step(self, x: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        """Advance by one step: x (B, I), state -> y (B, h V), state."""
        q, k, v, o = self._vectors(x)
        raw_i, raw_f = (gate[..., None] for gate in self.gates(x).chunk(2, -1))  # (B, h, 1) each
        i, f, m = stabilised(raw_i, self.log_forget(raw_f), state.m)
        C = f[..., None] * state.C + (i * v)[..., :, None] * k[..., None, :]
        n = f * state.n + i * k
        smallest = torch.exp((-m).clamp(*EXPONENTS))
        divisor = torch.maximum((n * q).sum(-1, keepdim=True).abs(), smallest)
        h = (C @ q[..., None]).squeeze(-1) / divisor
        return torch.sigmoid(o) * self.norm(h), MLSTMState(C, n, m)

    def _vectors(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return q, k (B, h, K), v (B, h, V) and õ (B, h V)."""
        *vectors, o = torch.split(self.vectors(x), self.sizes, -1)
        q, k, v = (
            torch.unflatten(vector, -1, (self.heads, -1)).clamp(-LARGEST, LARGEST) for vector in vectors
        )
        return q, k * self.key_scale, v, o

    def diagnostics(self, state: MLSTMState) -> dict[str, Tensor]:
        """Return the length of the value under each key, head by head, and the normaliser."""
        strength = torch.linalg.vector_norm(state.C, dim=-2)
        return {"strength per key": strength.flatten(1), "normaliser": state.n.flatten(1)}
