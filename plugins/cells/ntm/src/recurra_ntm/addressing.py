"""Where heads look: the four stages of addressing, each a function of tensors (B, heads, ...)."""

from __future__ import annotations

import torch
from torch import Tensor

NORM_EPSILON = 1e-4
"""Added to each squared norm: a memory of 1e-6 must not blow up the gradient of the cosine."""


def content_weighting(k: Tensor, beta: Tensor, M: Tensor) -> Tensor:
    """Focus by similarity: keys k (B, H, W), strengths beta (B, H, 1), M (B, N, W) -> (B, H, N).

        w_c = softmax(β K(k, M_i)),  K the cosine                                         # (5), (6)

    Each squared norm has `NORM_EPSILON` added, so a zero key or slot is like no other, with a gradient.
    """
    return torch.softmax(beta * (_unit(k) @ _unit(M).mT), -1)


def _unit(v: Tensor) -> Tensor:
    # A square that overflows would send NaN backwards; held at the largest number it sends zero.
    norm = (v.square().sum(-1, keepdim=True) + NORM_EPSILON).clamp_max(torch.finfo(v.dtype).max)
    return v * norm.rsqrt()


def interpolate(w_c: Tensor, g: Tensor, w_prev: Tensor) -> Tensor:
    """Mix the content weighting with the previous one: gate g (B, H, 1), both (B, H, N) -> (B, H, N)."""
    # All of one dtype, which autocast does not see to here.
    return torch.lerp(w_prev, w_c.to(w_prev.dtype), g.to(w_prev.dtype))  # (7)


def shift(w_g: Tensor, s: Tensor) -> Tensor:
    """Rotate a weighting: (B, H, N) by the shift distribution s (B, H, 2 m + 1) -> (B, H, N).

        w~(i) = Σ_j w_g(j) s(i − j mod N)                                                  # (8)

    s lists the shifts from +m down to −m; +1 moves the focus one slot up.
    """
    m = s.shape[-1] // 2
    shifted = [w_g.roll(m - i, -1) * s_i[..., None] for i, s_i in enumerate(s.unbind(-1))]
    return sum(shifted[1:], shifted[0])


def sharpen(w: Tensor, gamma: Tensor) -> Tensor:
    """Undo the blur of a shift: (B, H, N), exponents gamma >= 1 (B, H, 1) -> (B, H, N).

        w_i^γ / Σ_j w_j^γ                                                                  # (9)

    Computed as a softmax of logarithms, which neither underflows to 0/0 nor loses the sum of one.
    """
    tiny = torch.finfo(w.dtype).tiny
    return torch.softmax(gamma * w.clamp_min(tiny).log(), -1)
