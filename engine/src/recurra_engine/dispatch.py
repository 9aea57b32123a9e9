"""Selects the level that runs a cell, with the reasons against faster ones."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from recurra.sequence import LOOP, forced_level
from recurra.state import leaves
from recurra_engine import cpu, cuda, eager
from recurra_engine.cache_key import kind_of
from recurra_engine.compiled import Compiled, Traced, traced
from recurra_engine.dtypes import HALF, cast_to, computed, converted, uncast
from recurra_engine.frontend.aten import Untranslated
from recurra_engine.frontend.trace import Step
from recurra_engine.ir.graph import OF_TORCH, sorted_by_use
from recurra_engine.levels import Level
from recurra_engine.mixed_precision import Widened
from recurra_engine.passes.backend import Backend
from recurra_engine.verify import difference

if TYPE_CHECKING:
    from recurra.cell import Cell

log = logging.getLogger("recurra_engine")
_lock = threading.RLock()
MOST_KINDS = 16
"""How many kinds of call are remembered for one cell."""


@dataclass
class Choice:
    """The level for one kind of call.

    Args:
        level: Its name.
        why_not: For each faster level, the reason why it is not used.
        compiled: What runs; None for the loop.
    """

    level: str = LOOP
    why_not: dict[str, str] = field(default_factory=dict)
    compiled: Compiled | Widened | None = None


_choices: weakref.WeakKeyDictionary[nn.Module, dict[Any, Choice]] = weakref.WeakKeyDictionary()


def _renew_lock() -> None:
    """Another thread may have held the lock when this process was forked; here it would never let go."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def choose(cell: Cell[Any], x: Tensor, state: Any) -> Choice:
    """Return the best level, or the forced one, for a call with x (B, T, I)."""
    level = forced_level()
    if level == LOOP:
        return Choice()
    obstacle = _obstacle(cell, x, state, level is not None)
    if obstacle:
        return Choice(why_not=dict.fromkeys(_candidates(x), obstacle))
    key = (level, *kind_of(cell, x, state))
    known = _choices.setdefault(cell, {})
    choice = known.get(key)
    if choice is None:
        with _lock:
            choice = known.get(key)
            if choice is None:
                if len(known) >= MOST_KINDS:
                    known.clear()
                # What a trial saves for its gradients is not for the caller's hooks, such as a checkpoint's.
                with _outside_hooks():
                    choice = known[key] = _chosen(cell, x, state, level)
    return choice


def _outside_hooks() -> AbstractContextManager[Any]:
    # Only where there are some: where they are forbidden, adding one is an error.
    hooked = torch._C._autograd._top_saved_tensors_default_hooks(False)
    return saved_tensors_hooks(_as_it_is, _as_it_is) if hooked else nullcontext()


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _obstacle(cell: nn.Module, x: Tensor, state: Any, forced: bool) -> str | None:
    """Return what about the call keeps it in the loop."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return "x has no rows or no steps"
    if x.shape[1] == 1 and not forced:
        return "a single step would not be faster"
    return _obstacle_of_mode(x) or _obstacle_of_parts(cell, x, state)


def _obstacle_of_mode(x: Tensor) -> str | None:
    if x.device.type not in ("cpu", "cuda"):
        return f"devices of type {x.device.type} are not supported"
    if _under_transform():
        return "a transform of torch, such as vmap, is active"
    known = (torch.float32, torch.float64, *HALF)
    return None if x.dtype in known else f"{x.dtype} is not supported"


def _obstacle_of_parts(cell: nn.Module, x: Tensor, state: Any) -> str | None:
    mixed = cast_to(x.device) is not None
    fits = (part.is_floating_point() if mixed else part.dtype == x.dtype for _, part in leaves(state))
    if not all(fits):
        return f"the state is not entirely {x.dtype}"
    if any(module._forward_hooks or module._forward_pre_hooks for module in cell.modules()):
        return "one of its modules has hooks, which must be called at every step"
    return None


def _under_transform() -> bool:
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state():
        return True
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return True
    return torch.autograd.forward_ad._current_level >= 0


def _chosen(cell: Cell[Any], x: Tensor, state: Any, only: str | None) -> Choice:
    why_not: dict[str, str] = {}
    candidates = _candidates(x)
    if only is not None and only not in candidates:
        return Choice(LOOP, {only: f"it does not support {x.device.type}"})
    dtype = computed(x)
    try:
        made = _traced(cell, x, state)
    except Untranslated as reason:
        why_not = dict.fromkeys(candidates, str(reason))
        candidates = {}
    for level, backend in candidates.items():
        if only not in (None, level):
            continue
        compiled = Compiled(made, backend)
        lacking = _lacking(made, backend)
        slow = None if only or x.is_cuda else _slower(made.step)
        reason_against = _obstacle_at(level, x, only) or lacking or slow or _tried(cell, compiled, x, dtype)
        if reason_against is None:
            _notice(cell, level, why_not)
            whole = dtype == x.dtype and cast_to(x.device) is None
            return Choice(level, why_not, compiled if whole else Widened(compiled, dtype, cell, x))
        why_not[level] = reason_against
    _notice(cell, LOOP, why_not)
    return Choice(LOOP, why_not)


def _traced(cell: Cell[Any], x: Tensor, state: Any) -> Traced:
    """Trace in the numbers of the cell, in which autocast has no part."""
    if cast_to(x.device) is None:
        return traced(cell, x, state)
    own = next((weight.dtype for weight in cell.parameters()), x.dtype)
    with uncast(x.device):
        return traced(cell, x.to(own), converted(state, own))


def _candidates(x: Tensor) -> dict[Level, Backend]:
    """Return the levels for a device, the fastest first."""
    if x.is_cuda:
        return {"device": cuda.BACKEND, "scan": eager.BACKEND}
    return {"native": cpu.BACKEND, "scan": eager.BACKEND}


def _obstacle_at(level: Level, x: Tensor, only: str | None) -> str | None:
    if level in ("native", "device"):
        return cpu.unsupported_reason(x) if level == "native" else cuda.unsupported_reason(x)
    # Measured: several small operations for each that the user wrote cost more than autograd's record.
    return "the loop is faster on a CPU" if x.device.type == "cpu" and only is None else None


def _lacking(made: Traced, backend: Backend) -> str | None:
    for node in sorted_by_use([made.program.y, *made.program.after]):
        if node.op in backend.lacks:
            call = node.data[0] if node.op in OF_TORCH else None
            return f"{call.where}: the step uses {call}" if call else f"the step uses {node.op}"
    return None


def _slower(step: Step) -> str | None:
    """Say where the loop is as fast: measured, a call with its gradient costs as much as a few operations."""
    called = sum(call.operations for call in step.calls)
    if not called or not torch.is_grad_enabled() or step.operations >= 3 * called + 2:
        return None
    return f"{step.calls[0].where}: most of the step is calls of torch ({step.calls[0]})"


def _tried(cell: Cell[Any], compiled: Compiled, x: Tensor, dtype: torch.dtype) -> str | None:
    try:
        with uncast(x.device):
            for numbers in dict.fromkeys((torch.promote_types(dtype, torch.float32), dtype)):
                apart = difference(cell, compiled, x, numbers, torch.is_grad_enabled())
                if apart:
                    break
    except Exception as error:  # whatever went wrong, a slower level is right
        log.debug("verification of a level failed", exc_info=True)
        return f"its verification failed ({(str(error) or type(error).__name__).splitlines()[0]})"
    return apart


_told: set[tuple[str, str]] = set()


def _notice(cell: nn.Module, level: str, why_not: dict[str, str]) -> None:
    """Log once per class of cell why it does not run at a faster level."""
    name = type(cell).__name__
    if why_not and (name, level) not in _told:
        _told.add((name, level))
        log.info("%s runs at the level '%s': %s", name, level, next(iter(why_not.values())))
