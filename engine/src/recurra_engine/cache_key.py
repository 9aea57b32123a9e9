"""What a call is like: calls of one kind may run the same trace, as long as its guard holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext

from recurra.state import leaves
from recurra_engine.dtypes import cast_to


def kind_of(weights: Mapping[str, Tensor], x: Tensor, state: Any) -> tuple[Any, ...]:
    """Return all that a trace of a call with x (B, T, I), and its trial, depend on, besides its guard.

    That is shapes, dtypes, devices, modes, and which gradients are wanted.
    """
    parts = tuple((part.shape[1:], part.dtype) for _, part in leaves(state))
    named = tuple(_weight(*named) for named in weights.items())
    wanted = x.requires_grad and torch.is_grad_enabled(), torch.is_grad_enabled()
    numbers = x.dtype, cast_to(x.device), torch.get_default_dtype()
    return x.shape[2:], numbers, x.device, parts, named, wanted, default_device()


def _weight(name: str, weight: Tensor) -> tuple[Any, ...]:
    return name, weight.shape, weight.dtype, weight.layout, weight.device, type(weight), weight.requires_grad


def default_device() -> torch.device | None:
    """Return where torch makes tensors, if that was set."""
    return next((mode.device for mode in function_modes() if isinstance(mode, DeviceContext)), None)


def function_modes() -> list[Any]:
    """Return the modes that see every function of torch, the innermost first."""
    if not torch._C._len_torch_function_stack():
        return []
    return _get_current_function_mode_stack()[::-1]  # type: ignore[no-any-return, no-untyped-call]
