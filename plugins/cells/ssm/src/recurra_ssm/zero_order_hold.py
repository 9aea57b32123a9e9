"""The exact discretization of a diagonal state space model whose input is constant during a step."""

import torch
from torch import Tensor


def zero_order_hold(dt: Tensor, decay: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return Ā = e^{ΔA} and F = A⁻¹ (Ā − 1), each as real and imaginary part.

    A is −decay + i frequency; all shapes broadcast.
    Ā − 1 is computed without the cancellation that small steps would cause.
    """
    size, angle = torch.exp(-dt * decay), dt * frequency
    half = torch.sin(angle / 2)
    A_im = size * torch.sin(angle)
    change = torch.expm1(-dt * decay) - 2 * size * half * half  # the real part of Ā − 1
    square = decay * decay + frequency * frequency
    F_re = (frequency * A_im - decay * change) / square
    F_im = -(frequency * change + decay * A_im) / square
    return 1 + change, A_im, F_re, F_im
