"""The recurrence that all members share: S' = decay(S) − erased + v kᵀ;  y = S' q.

S (..., V, K) maps keys (..., K) to values (..., V); the leading axes are batch and heads.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST = 1e4
"""No number of a key, query or value is larger: products of three such numbers stay finite in float32."""
LENGTH_EPSILON = 1e-6
"""Added to a squared length: a key of zeros has none, and its gradient must stay finite."""


def bounded(x: Tensor) -> Tensor:
    """Return x, held within ±1e4."""
    return x.clamp(-LARGEST, LARGEST)


def swish(x: Tensor) -> Tensor:
    """Return x σ(x)."""
    return x * torch.sigmoid(x)


def unit(x: Tensor) -> Tensor:
    """Divide each vector by its length: (..., K) -> (..., K)."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + LENGTH_EPSILON)


def outer(v: Tensor, k: Tensor) -> Tensor:
    """Return v kᵀ: v (..., V), k (..., K) -> (..., V, K)."""
    return v[..., :, None] * k[..., None, :]


def read(S: Tensor, q: Tensor) -> Tensor:
    """Return S q, the value under a key: S (..., V, K), q (..., K) -> (..., V)."""
    return (S @ q[..., None]).squeeze(-1)


def written(S: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return S + v kᵀ: S (..., V, K), k (..., K), v (..., V) -> (..., V, K)."""
    return S + outer(v, k)


def corrected(S: Tensor, k: Tensor, v: Tensor, beta: Tensor) -> Tensor:
    """Return S + β (v − S k) kᵀ, one delta rule: the value under k moves towards v; beta (..., 1)."""
    return written(S, k, beta * (v - read(S, k)))
