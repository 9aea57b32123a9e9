"""The device and the dtype of a module."""

from __future__ import annotations

from itertools import chain
from typing import Any

from torch import Tensor, nn


def first_tensor(module: nn.Module) -> Tensor:
    """Return a tensor with the device and the dtype of a module: its first parameter, else its first buffer.

    Every module with a `SequenceLayer` in it has one, since each of these has an anchor.
    """
    return next(t for t in chain(module.parameters(), module.buffers()) if t.is_floating_point())


def placement(module: nn.Module) -> dict[str, Any]:
    """Return device and dtype of what a module computes, as arguments of torch's functions."""
    like = first_tensor(module)
    return {"device": like.device, "dtype": like.dtype}
