"""The HiPPO-N matrix, the normal part of HiPPO-LegS, and its eigenvectors."""

import torch
from torch import Tensor


def hippo_n(order: int) -> Tensor:
    """Return the matrix (order, order) in float64: −½ on the diagonal, skew-symmetric outside of it.

    Below the diagonal, entry (n, k) is −√(n + ½) √(k + ½), as in HiPPO-LegS plus its rank-one correction.
    """
    root = torch.sqrt(torch.arange(order, dtype=torch.float64) + 0.5)
    lower = torch.tril(torch.outer(root, root), -1)
    return lower.T - lower - 0.5 * torch.eye(order, dtype=torch.float64)


def block_eigenvectors(order: int, blocks: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return one of each conjugate pair of eigenvalues of `blocks` HiPPO-N matrices on a diagonal.

    Returns:
        −Re Λ and Im Λ, (order / 2,) each, in the default dtype, and the eigenvectors V
        (order, order / 2), complex.
    """
    size = order // blocks
    skew = hippo_n(size) + 0.5 * torch.eye(size, dtype=torch.float64)
    frequencies, V = torch.linalg.eigh(-1j * skew)  # ascending, in pairs of opposite sign
    half = size // 2
    frequency = frequencies[half:].repeat(blocks).to(torch.get_default_dtype())
    return torch.full_like(frequency, 0.5), frequency, torch.kron(torch.eye(blocks), V[:, half:].contiguous())
