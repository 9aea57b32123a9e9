"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Sequence

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
