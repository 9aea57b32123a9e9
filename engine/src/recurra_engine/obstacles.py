"""What about a call, whatever its cell, keeps it in the loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import _has_any_global_hook
from torch.utils._device import DeviceContext

from recurra.state import leaves
from recurra_engine.cache_key import function_modes
from recurra_engine.dtypes import HALF, cast_to


def obstacle_of_call(x: Tensor, state: Any, forced: bool) -> str | None:
    """Return what about the call keeps it in the loop."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return "x has no rows or no steps"
    if x.shape[1] == 1 and not forced:
        return "a single step would not be faster"
    return _obstacle_of_mode(x) or _obstacle_of_state(x, state)


def _obstacle_of_mode(x: Tensor) -> str | None:
    if x.device.type not in ("cpu", "cuda"):
        return f"devices of type {x.device.type} are not supported"
    if _under_transform():
        return "a transform of torch, such as vmap, is active"
    if _has_any_global_hook():  # type: ignore[no-untyped-call]
        return "hooks on all modules must be called at every step"
    known = (torch.float32, torch.float64, *HALF)
    return None if x.dtype in known else f"{x.dtype} is not supported"


def _obstacle_of_state(x: Tensor, state: Any) -> str | None:
    mixed = cast_to(x.device) is not None
    fits = (part.is_floating_point() if mixed else part.dtype == x.dtype for _, part in leaves(state))
    return None if all(fits) else f"the state is not entirely {x.dtype}"


def _under_transform() -> bool:
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state():
        return True
    if under_functorch():
        return True
    return not all(isinstance(mode, DeviceContext) for mode in function_modes())


def under_functorch(*, besides_vmap: bool = False) -> bool:
    """Say whether a transform of `torch.func` is active, or forward-mode differentiation."""
    stack = torch._C._functorch.get_interpreter_stack() or ()
    harmless = torch._C._functorch.TransformType.Vmap if besides_vmap else None
    if any(interpreter.key() != harmless for interpreter in stack):
        return True
    return torch.autograd.forward_ad._current_level >= 0
