"""The short causal convolution of Mamba: one filter for each channel, continued from step to step."""

import torch
from torch import Tensor, nn

LARGEST = 1e6
"""Mamba multiplies up to five projections of its input; larger ones would overflow float32."""


class CausalConvolution(nn.Module):
    """A depthwise convolution over the current step and the k − 1 steps before it.

    y_j = b_j + Σ_i W_ij u_j(t − k + 1 + i),  i = 0 to k − 1

    Parameters: D (k + 1).  Initialization: uniform in ± 1 / √k, as in `nn.Conv1d`.
    """

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(window, width).uniform_(-(window**-0.5), window**-0.5))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-(window**-0.5), window**-0.5))

    def forward(self, u: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve: u (B, D) and the inputs before it, window (B, k − 1, D) -> y (B, D), window."""
        seen = torch.cat([window, u[:, None]], 1)
        return (seen * self.weight).sum(1) + self.bias, seen[:, 1:]
