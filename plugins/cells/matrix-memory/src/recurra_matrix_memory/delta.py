"""The delta rule and its relatives: with a decay, and with several rules in one step."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from recurra_matrix_memory.layer import MatrixCell
from recurra_matrix_memory.memory import MatrixState, PlainMatrixMemory
from recurra_matrix_memory.options import (
    Bias,
    Count,
    Gate,
    Heads,
    HiddenSize,
    KeySize,
    NegativeEigenvalues,
    Norm,
    ValueSize,
)
from recurra_matrix_memory.recurrence import bounded, corrected, read, swish, unit

Products = Annotated[Count, Field(description="n, number of delta rules in a step")]
Forgets = Annotated[bool, Field(description="let S decay before the delta rules, by a gate for each head")]
FASTEST, STEP_SIZES = 16.0, (1e-3, 1e-1)


class DecayGate(nn.Module):
    """The decay of each head, α = exp(−e^A softplus(a + b)): a (B, h, 1) -> α (B, h, 1).

    Parameters: 2 h.
    Initialization: e^A uniform in (0, 16), softplus(b) log-uniform in (1e-3, 1e-1), as in Mamba-2.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        # From one thousandth: the logarithm of a draw of zero would be infinite.
        self.A = nn.Parameter(torch.empty(heads, 1).uniform_(1e-3, FASTEST).log())
        size = torch.empty(heads, 1).uniform_(*(math.log(bound) for bound in STEP_SIZES)).exp()
        self.b = nn.Parameter(torch.expm1(size).log())

    def forward(self, a: Tensor) -> Tensor:
        """Return α in (0, 1)."""
        return torch.exp(-torch.exp(self.A) * softplus(a + self.b))


class DeltaRuleMemory(PlainMatrixMemory):
    """What the memories of this module share: n delta rules per step, after an optional decay.

    Shapes: interface (B, h (K + n (K + V + 1) + g)) holds q, the keys, the values, b of each rule, and a with
    a decay, for which g is one and otherwise zero; r (B, h V).
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        negative_eigenvalues: bool,
        products: int = 1,
        forgets: bool = False,
    ) -> None:
        _, V, K = shape
        super().__init__(shape, (K, products * K, products * V, products, *[1] * forgets))
        self.products, self.largest_beta = products, 2.0 if negative_eigenvalues else 1.0
        self.decay = DecayGate(shape[0]) if forgets else None

    def step(self, interface: Tensor, state: MatrixState) -> tuple[Tensor, MatrixState]:
        """Decay, write, then read: interface (B, P), state -> r (B, h V), state."""
        q, k, v, b, *a = self.split(bounded(interface))
        S = state.S if self.decay is None else state.S * self.decay(a[0])[..., None]
        beta = self.largest_beta * torch.sigmoid(b)
        for k_j, v_j, beta_j in zip(*(part.chunk(self.products, -1) for part in (k, v, beta)), strict=True):
            S = corrected(S, unit(swish(k_j)), swish(v_j), beta_j)
        return read(S, unit(swish(q))).flatten(1), MatrixState(S)


class DeltaMemory(DeltaRuleMemory):
    """A matrix that replaces the value under a key, where linear attention would add to it.

        S' = S + β (v − S k) kᵀ = S (I − β k kᵀ) + β v kᵀ;  r = S' q;  β = σ(b)

    q, k and v pass through swish, and q and k are divided by their lengths.

    Shapes: interface (B, h (2 K + V + 1)) holds q, k, v and b, r (B, h V).
    Parameters: none.  Initialization: S zero.
    Differs from the papers: 1e-6 is added to squared lengths; the raw numbers are held within ±1e4.
    Source: the rule: Schlag, Irie and Schmidhuber 2021, arXiv 2102.11174; swish and lengths: Yang, Wang,
    Zhang, Shen and Kim 2024, arXiv 2406.06484; β in (0, 2): Grazzi et al. 2024, arXiv 2411.12537.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        *,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 16,
        negative_eigenvalues: NegativeEigenvalues = False,
    ) -> None:
        super().__init__((heads, value_size, key_size), negative_eigenvalues=negative_eigenvalues)


class DeltaCell(MatrixCell[MatrixState]):
    """DeltaNet: the delta rule as a layer.

        r = memory(W x + b);  y = W_o norm(r)

    The memory is `DeltaMemory`; with `gate`, norm(r) is multiplied by swish(W_g x + b_g).

    Shapes: x (B, I), S (B, h, V, K), y (B, H).
    Parameters: h (2 K + V + 1) (I + 1) + h V H + h V; h V (I + 1) more with `gate`.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I; gain of the norm one.
    Differs from the paper: no short convolution of q, k and v; W and W_g have biases unless `bias` is false;
    a gain of the norm for each channel of each head. See `DeltaMemory` too.
    Source: Yang, Wang, Zhang, Shen and Kim 2024, arXiv 2406.06484.
    """

    contract_options = {"hidden_size": 5, **DeltaMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 32,
        negative_eigenvalues: NegativeEigenvalues = False,
        norm: Norm = "rms",
        gate: Gate = False,
        bias: Bias = True,
    ) -> None:
        sizes = {"heads": heads, "key_size": key_size, "value_size": value_size}
        memory = DeltaMemory(**sizes, negative_eigenvalues=negative_eigenvalues)
        super().__init__(input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias)


class GatedDeltaMemory(DeltaRuleMemory):
    """The delta rule on a matrix that decays first, at a rate of each head that depends on the input.

        S' = α S (I − β k kᵀ) + β v kᵀ;  r = S' q;  α = exp(−e^A softplus(a + c));  β = σ(b)

    q, k and v pass through swish, and q and k are divided by their lengths.

    Shapes: interface (B, h (2 K + V + 2)) holds q, k, v, b and a, r (B, h V).
    Parameters: 2 h, A and c of each head.
    Initialization: S zero; e^A uniform in (0, 16), softplus(c) log-uniform in (1e-3, 1e-1).
    Differs from the paper: as `DeltaMemory`.
    Source: Yang, Kautz and Hatamizadeh 2024, arXiv 2412.06464.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        *,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 16,
        negative_eigenvalues: NegativeEigenvalues = False,
    ) -> None:
        shape = (heads, value_size, key_size)
        super().__init__(shape, negative_eigenvalues=negative_eigenvalues, forgets=True)


class GatedDeltaCell(MatrixCell[MatrixState]):
    """Gated DeltaNet: the gated delta rule as a layer.

        r = memory(W x + b);  y = W_o (norm(r) ∘ swish(W_g x + b_g))

    The memory is `GatedDeltaMemory`.

    Shapes: x (B, I), S (B, h, V, K), y (B, H).
    Parameters: h (2 K + V + 2) (I + 1) + h V (H + I + 1) + h V + 2 h.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I; gain of the norm one; gates as in
    `GatedDeltaMemory`.
    Differs from the paper: as `DeltaCell`.
    Source: Yang, Kautz and Hatamizadeh 2024, arXiv 2412.06464.
    """

    contract_options = {"hidden_size": 5, **GatedDeltaMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 64,
        negative_eigenvalues: NegativeEigenvalues = False,
        norm: Norm = "rms",
        gate: Gate = True,
        bias: Bias = True,
    ) -> None:
        sizes = {"heads": heads, "key_size": key_size, "value_size": value_size}
        memory = GatedDeltaMemory(**sizes, negative_eigenvalues=negative_eigenvalues)
        super().__init__(input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias)


class DeltaProductMemory(DeltaRuleMemory):
    """n delta rules in each step, each with a key, a value and a β of its own.

        S_j = S_(j−1) (I − β_j k_j k_jᵀ) + β_j v_j k_jᵀ,  j = 1 ... n;  S_0 = α S;  S' = S_n;  r = S' q

    With β in (0, 2) the product of n generalised Householder matrices includes rotations, which a single
    rule cannot express. α is that of `GatedDeltaMemory` with `forgets`, and otherwise one.

    Shapes: interface (B, h (K + n (K + V + 1))) holds q, all k, all v and all b, r (B, h V); h more
    numbers a with `forgets`.
    Parameters: none; 2 h with `forgets`.  Initialization: S zero.
    Differs from the paper: as `DeltaMemory`.
    Source: Siems et al. 2025, arXiv 2502.10297.
    """

    contract_options = {"heads": 2, "key_size": 4, "value_size": 4}

    def __init__(
        self,
        *,
        heads: Heads = 4,
        key_size: KeySize = 16,
        value_size: ValueSize = 16,
        products: Products = 2,
        negative_eigenvalues: NegativeEigenvalues = True,
        forgets: Forgets = False,
    ) -> None:
        super().__init__(
            (heads, value_size, key_size),
            negative_eigenvalues=negative_eigenvalues,
            products=products,
            forgets=forgets,
        )


class DeltaProductCell(MatrixCell[MatrixState]):
    """DeltaProduct: several delta rules per step as a layer.

        r = memory(W x + b);  y = W_o norm(r)

    The memory is `DeltaProductMemory`; with `gate`, norm(r) is multiplied by swish(W_g x + b_g).

    Shapes: x (B, I), S (B, h, V, K), y (B, H).
    Parameters: h (K + n (K + V + 1)) (I + 1) + h V H + h V; h V (I + 1) more with `gate`, and
    h (I + 3) with `forgets`.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I; gain of the norm one.
    Differs from the paper: as `DeltaCell`.
    Source: Siems et al. 2025, arXiv 2502.10297.
    """

    contract_options = {"hidden_size": 5, **DeltaProductMemory.contract_options}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: HiddenSize = 128,
        heads: Heads = 4,
        key_size: KeySize = 32,
        value_size: ValueSize = 32,
        products: Products = 2,
        negative_eigenvalues: NegativeEigenvalues = True,
        forgets: Forgets = False,
        norm: Norm = "rms",
        gate: Gate = False,
        bias: Bias = True,
    ) -> None:
        memory = DeltaProductMemory(
            heads=heads,
            key_size=key_size,
            value_size=value_size,
            products=products,
            negative_eigenvalues=negative_eigenvalues,
            forgets=forgets,
        )
        super().__init__(input_size, memory, hidden_size, norm=norm, gate=gate, bias=bias)
