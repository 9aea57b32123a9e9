"""In which numbers a call is computed, with and without autocast."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.state import map_state

HALF = (torch.bfloat16, torch.float16)


def cast_to(device: torch.device) -> torch.dtype | None:
    """Return what autocast is on for, or None."""
    kind = device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def computed(x: Tensor) -> torch.dtype:
    """Return in which numbers a call with x is computed: on a GPU bfloat16 is stored as it is."""
    if x.dtype == torch.float64:
        return x.dtype
    asked = cast_to(x.device) or x.dtype
    if asked == torch.bfloat16 and x.is_cuda:
        return asked
    return torch.float32 if asked in HALF else x.dtype


def uncast(device: torch.device) -> torch.autocast:
    """Switch autocast off."""
    return torch.autocast(device.type, enabled=False)


def converted(state: Any, dtype: torch.dtype) -> Any:
    """Return a state in other numbers."""
    return map_state(lambda part: part.to(dtype), state)
