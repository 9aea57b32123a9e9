"""Selects the level that runs a cell, with the reasons against faster ones."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from recurra.sequence import LOOP, forced_level
from recurra_engine import cpu, cuda, eager
from recurra_engine.cache_key import kind_of
from recurra_engine.compiled import Compiled, Traced, traced
from recurra_engine.dtypes import cast_to, computed, converted, uncast
from recurra_engine.frontend.trace import Refused, Step, stored
from recurra_engine.guards.program import Guard
from recurra_engine.ir.graph import OF_TORCH, sorted_by_use
from recurra_engine.levels import Level
from recurra_engine.mixed_precision import Widened
from recurra_engine.obstacles import obstacle_of_call
from recurra_engine.passes.backend import Backend
from recurra_engine.verify import difference

if TYPE_CHECKING:
    from recurra.cell import Cell

log = logging.getLogger("recurra_engine")
_lock = threading.RLock()
MOST_KINDS = 16
"""How many kinds of call are remembered for one cell."""
MOST_CHANGES = 8
"""How many traces are kept for one kind of call, when what the step reads besides tensors changes."""
FEWEST_CALLS = 8
"""If none of them has run this often, tracing anew does not pay, and the loop runs."""


@dataclass
class Choice:
    """The level for one kind of call.

    Args:
        level: Its name.
        why_not: For each faster level, the reason why it is not used.
        compiled: What runs; None for the loop.
        calls: How many calls it has served besides the first.
    """

    level: str = LOOP
    why_not: dict[str, str] = field(default_factory=dict)
    compiled: Compiled | Widened | None = None
    calls: int = 0


Known = list[tuple[Guard, Choice]]
"""The choices for one kind of call; one is right as long as its guard holds."""
_choices: weakref.WeakKeyDictionary[nn.Module, dict[Any, Known]] = weakref.WeakKeyDictionary()


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
    obstacle = obstacle_of_call(x, state, level is not None)
    if obstacle:
        return Choice(why_not=dict.fromkeys(_candidates(x), obstacle))
    weights = stored(cell)
    given = [cell, *weights.values()]
    key = (level, *kind_of(weights, x, state))
    choice = _remembered(_choices.get(cell, {}).get(key, ()), given)
    if choice is None:
        with _lock:
            kinds = _choices.setdefault(cell, {})
            if key not in kinds and len(kinds) >= MOST_KINDS:
                kinds.clear()
            known = kinds.setdefault(key, [])
            choice = _remembered(known, given)
            if choice is None:
                known.append(_next(cell, x, state, level, known, given))
                choice = known[-1][1]
    return choice


def _remembered(known: Sequence[tuple[Guard, Choice]], given: Sequence[Any]) -> Choice | None:
    found = next((choice for guard, choice in known if guard.changed(given) is None), None)
    if found is not None:
        found.calls += 1
    return found


def _next(
    cell: Cell[Any], x: Tensor, state: Any, level: str | None, known: Known, given: Sequence[Any]
) -> tuple[Guard, Choice]:
    if len(known) >= MOST_CHANGES and all(choice.calls < FEWEST_CALLS for _, choice in known):
        changed = known[-1][0].changed(given)
        reason = f"the step reads {changed}, which changes every few calls; make it a tensor"
        choice = Choice(LOOP, dict.fromkeys(_candidates(x), reason))
        _notice(cell, LOOP, choice.why_not)
        return Guard(), choice
    del known[: 1 - MOST_CHANGES]
    # What a trial saves for its gradients is not for the caller's hooks, such as a checkpoint's.
    with outside_hooks():
        return _chosen(cell, x, state, level)


def outside_hooks() -> AbstractContextManager[Any]:
    """Keep what autograd saves from the caller's hooks on saved tensors."""
    # Only where there are some: where they are forbidden, adding one is an error.
    hooked = torch._C._autograd._top_saved_tensors_default_hooks(False)
    return saved_tensors_hooks(_as_it_is, _as_it_is) if hooked else nullcontext()


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _chosen(cell: Cell[Any], x: Tensor, state: Any, only: str | None) -> tuple[Guard, Choice]:
    why_not: dict[str, str] = {}
    candidates = _candidates(x)
    if only is not None and only not in candidates:
        return Guard(), Choice(LOOP, {only: f"it does not support {x.device.type}"})
    dtype = computed(x)
    try:
        made = _traced(cell, x, state)
        guard = made.step.guard
    except Refused as refusal:
        why_not, guard = dict.fromkeys(candidates, str(refusal)), refusal.guard
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
            runs = compiled if whole else Widened(compiled, dtype, cell, x)
            return guard, Choice(level, why_not, runs)
        why_not[level] = reason_against
    _notice(cell, LOOP, why_not)
    return guard, Choice(LOOP, why_not)


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
