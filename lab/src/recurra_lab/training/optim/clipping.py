"""Gradients kept within bounds."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def clip(parameters: Sequence[nn.Parameter], value: float | None, norm: float | None) -> Tensor | None:
    """Clip each component of the gradient first, then the norm of the whole.

    Args:
        parameters: Whose gradients.
        value: Largest size of a component, or None.
        norm: Largest norm, or None.

    Returns:
        The norm of the whole before it was clipped; None if it was not looked at.
    """
    if value is not None:
        nn.utils.clip_grad_value_(parameters, value)
    return None if norm is None else nn.utils.clip_grad_norm_(parameters, norm)
