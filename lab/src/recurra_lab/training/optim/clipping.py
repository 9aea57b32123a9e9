"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def clip(parameters: Sequence[nn.Parameter], value: float | None, norm: float | None) -> Tensor | None:
    """Clip each component of the gradient first, then its total norm.

    Args:
        parameters: The parameters whose gradients to clip.
        value: Maximum absolute value of a component, or None.
        norm: Maximum norm, or None.

    Returns:
        The total norm before norm clipping, or None if `norm` is None.
    """
    if value is not None:
        nn.utils.clip_grad_value_(parameters, value)
    return None if norm is None else nn.utils.clip_grad_norm_(parameters, norm)


def clip_each(parameters: Sequence[nn.Parameter], value: float | None, norm: float | None) -> Tensor | None:
    """Clip the gradients of P networks, each by itself, as `clip` does.

    Args:
        parameters: Stacked parameters, (P, ...).
        value: Maximum absolute value of a component, or None.
        norm: Maximum norm of the gradient of one network, or None.

    Returns:
        The norms before norm clipping, (P,), or None if `norm` is None.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if value is not None:
        nn.utils.clip_grad_value_(parameters, value)
    if norm is None or not gradients:
        return None
    each = zip(*(gradient.unbind() for gradient in gradients), strict=True)
    norms = torch.stack([nn.utils.get_total_norm(own) for own in each])  # in the order of one network alone
    scale = (norm / (norms + 1e-6)).clamp(max=1)  # as torch.nn.utils.clip_grad_norm_
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    return norms
