"""Constraints of matrices as parametrizations of torch: each computes a matrix from free parameters.

A matrix (k n, n) is k square blocks, one above the other, such as those of the gates of an LSTM.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def blocks_of(W: Tensor) -> Tensor:
    """Return the square blocks (..., k, n, n) of a matrix (..., k n, n); a matrix of another shape is one."""
    rows, n = W.shape[-2:]
    return W.reshape(*W.shape[:-2], rows // n, n, n) if rows % n == 0 else W.unsqueeze(-3)


class Orthogonal(nn.Module):
    """Every square block is orthogonal.

        U = Q exp(A − Aᵀ),  A the strictly lower triangle of V

    Q is the orthogonal matrix nearest to the initial block, and V starts as zero. Blocks keep the sign of
    their determinant.

    Shapes: V and U (..., k n, n).
    Source: Lezcano-Casado and Martínez-Rubio 2019, arXiv 1901.08428.
    """

    Q: Tensor

    def __init__(self, W: Tensor) -> None:
        super().__init__()
        self.register_buffer("Q", _nearest_orthogonal(W))

    def forward(self, V: Tensor) -> Tensor:
        """Return U."""
        A = blocks_of(_precise(V)).tril(-1)
        U = blocks_of(_precise(self.Q)) @ torch.matrix_exp(A - A.mT)
        return U.view_as(V).to(V.dtype)

    def right_inverse(self, W: Tensor) -> Tensor:
        """Start anew from the orthogonal matrix nearest to W."""
        self.Q.copy_(_nearest_orthogonal(W))
        return torch.zeros_like(W)


def _nearest_orthogonal(W: Tensor) -> Tensor:
    U, _, Vh = torch.linalg.svd(blocks_of(_precise(W.detach())))
    nearest: Tensor = U @ Vh
    return nearest.view_as(W).to(W.dtype)


class Spectral(nn.Module):
    """Every square block has a spectral norm of at most a bound.

        U = V · min(1, ρ / ‖V‖₂)

    The norm is exact, by singular values, and not an estimate that lags behind. A matrix that is not k square
    blocks is bounded as a whole.

    Shapes: V and U (..., n, m).
    Source: spectral normalisation: Miyato et al. 2018, arXiv 1802.05957, which estimates the norm and makes
    it equal to one.
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, V: Tensor) -> Tensor:
        """Return U."""
        blocks = blocks_of(_precise(V))
        # Singular values of NaN do not exist; such an entry stays in the product, where a check finds it.
        norm: Tensor = torch.linalg.matrix_norm(blocks.nan_to_num(0, 0, 0), 2, keepdim=True)
        return (blocks * (self.bound / norm.clamp(min=self.bound))).view_as(V).to(V.dtype)

    def right_inverse(self, W: Tensor) -> Tensor:
        """Return W."""
        return W


class WeightNorm(nn.Module):
    """Every row has a length and a direction.

        u = g v / ‖v‖      for each row u

    That of `torch.nn.utils.parametrizations` registers a hook that cannot be pickled.

    Shapes: g (n, 1, ...), v and U (n, m, ...); a row is all that has one first index.
    Source: Salimans and Kingma 2016, arXiv 1602.07868.
    """

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """Return U."""
        return v * (g / torch.norm_except_dim(v, 2, 0))

    def right_inverse(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lengths of the rows of W, and W."""
        return torch.norm_except_dim(W, 2, 0), W


class Dale(nn.Module):
    """Every column has one sign: a unit excites all others, or it inhibits all others.

        U = |V| ∘ s,  s = 1 or −1 for each column

    The first columns excite, and the rest inhibit, in all blocks alike.

    Shapes: V and U (..., k n, n), s (n,).
    Source: Song, Yang and Wang 2016.
    """

    s: Tensor

    def __init__(self, W: Tensor, excitatory: int) -> None:
        super().__init__()
        signs = torch.ones_like(W[(0,) * (W.dim() - 1)])
        signs[excitatory:] = -1
        self.register_buffer("s", signs)

    def forward(self, V: Tensor) -> Tensor:
        """Return U."""
        # The gradient of torch's abs is zero at zero, where a weight would stay for ever.
        return V * torch.where(V < 0, -self.s, self.s)

    def right_inverse(self, W: Tensor) -> Tensor:
        """Return the sizes of W."""
        return W.abs()


def balanced(W: Tensor, excitatory: int) -> Tensor:
    """Return W with larger inhibitory columns, so that both kinds cancel on average, and with its norm."""
    n = W.shape[-1]
    scale = torch.ones_like(W)
    scale[..., excitatory:] = excitatory / max(1, n - excitatory)
    uneven: Tensor = W * scale
    norms: Tensor = W.norm() / uneven.norm().clamp(min=torch.finfo(W.dtype).tiny)
    return uneven * norms


class Sparse(nn.Module):
    """All entries outside a fixed mask are zero.

        U = V ∘ m,  m zero or one

    Shapes: V, m and U (..., n, m).
    """

    m: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("m", mask)

    def forward(self, V: Tensor) -> Tensor:
        """Return U."""
        return torch.where(self.m, V, torch.zeros_like(V))

    def right_inverse(self, W: Tensor) -> Tensor:
        """Return W without what the mask leaves out."""
        return torch.where(self.m, W, torch.zeros_like(W))


def random_mask(W: Tensor, connections: int) -> Tensor:
    """Return a mask of so many random entries in each row of W."""
    chosen = torch.rand(W.shape).topk(connections).indices
    return torch.zeros(W.shape, dtype=torch.bool).scatter(-1, chosen, True).to(W.device)


class LowRank(nn.Module):
    """A product of two thin matrices, whose rank is at most r.

        U = P R

    Starts as the best approximation of the initial matrix.

    Shapes: P (..., n, r), R (..., r, m), U (..., n, m).
    """

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, P: Tensor, R: Tensor) -> Tensor:
        """Return U."""
        return P @ R

    def right_inverse(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors of the best approximation of W, of equal size."""
        U, S, Vh = torch.linalg.svd(_precise(W), full_matrices=False)
        root: Tensor = S[..., : self.rank].sqrt()
        P: Tensor = U[..., : self.rank] * root[..., None, :]
        R: Tensor = root[..., None] * Vh[..., : self.rank, :]
        # Decompositions are stored by columns, which files of exported programs cannot hold.
        return P.to(W.dtype).contiguous(), R.to(W.dtype).contiguous()


def _precise(W: Tensor) -> Tensor:
    """Return W in at least 32 bits: decompositions know no fewer."""
    return W if W.dtype in (torch.float32, torch.float64) else W.float()
