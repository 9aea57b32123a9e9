"""From a step to a sequence: the loop, which is the definition, and the engines that may run it faster.

An engine must match the loop in outputs, states and gradients. It is found through the entry-point
group `recurra.engines`; without one, everything runs in the loop.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from recurra import activation_checkpointing, transforms
from recurra.errors import IncompatibleParts, InvalidOption, nearest
from recurra.parametrized import evaluated_once
from recurra.plugins.engines import engines
from recurra.state import in_precision_of, map_state, mixes_precisions, select

S = TypeVar("S")
LOOP = "loop"
VARIABLE = "RECURRA_ENGINE"
"""The variable that forces a level for a whole process."""
_forced: ContextVar[str | None] = ContextVar("level", default=None)


class Engine(Protocol):
    """What an installed engine offers.

    Attributes:
        levels: The names of its ways to run a cell, which `using` forces.
    """

    levels: tuple[str, ...]

    def run(self, cell: Any, x: Tensor, state: Any, lengths: Tensor | None) -> Any:
        """Do what `loop` does, at the level that `forced_level` names or at the best one.

        Return NotImplemented where the engine has no way to run the call: the next engine is asked, and the
        loop in the end.
        """
        ...

    def run_many(
        self, cell: Any, weights: Mapping[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None
    ) -> Any:
        """Run P cells of one architecture: weights name -> (P, ...), x (P, B, T, I); or NotImplemented."""
        ...

    def explain(self, cell: Any) -> Mapping[str, Any] | None:
        """Return at which `level` it runs a cell, and `why_not` at a faster one; None if it does not."""
        ...


def levels() -> tuple[str, ...]:
    """Return what can be forced: the loop and all engines' levels, as `dist:level` where two share a name."""
    offered = [(dist, level) for dist, engine in engines().loaded.items() for level in engine.levels]
    times = Counter(level for _, level in offered)
    return (LOOP, *(level if times[level] == 1 else f"{dist}:{level}" for dist, level in offered))


def forced_level() -> str | None:
    """Return the level that is forced, without its engine's name, or None for the best one.

    Raises:
        InvalidOption: The variable names no level, or one that two engines have.
    """
    forced = _forced_level()
    return forced and forced.rpartition(":")[2]


def _forced_level() -> str | None:
    return _forced.get() or _known(os.environ.get(VARIABLE), VARIABLE)


def _known(level: str | None, where: str) -> str | None:
    if not level or level == LOOP or _engines_with(level):
        return level or None
    known = levels()
    several = [name for name in known if name.endswith(f":{level}")]
    if several:
        raise InvalidOption(f"{where}: several engines have a level '{level}'; write {' or '.join(several)}")
    expected = f"expected one of {', '.join(known)}"
    raise InvalidOption(f"{where}: there is no level '{level}'; {expected}{nearest(level, known)}")


def _engines_with(level: str | None) -> list[Engine]:
    """Return the engines to ask, in their order: all for the best level, one for a level that is forced."""
    dist, _, short = (level or "").rpartition(":")
    found = [
        engine
        for name, engine in engines().loaded.items()
        if not level or (short in engine.levels and dist in ("", name))
    ]
    return found if not level or len(found) == 1 else []


@contextmanager
def using(level: str | None) -> Iterator[None]:
    """Force a level (None: the best one) for what runs inside; a cell that cannot run at it runs in the loop.

    Raises:
        InvalidOption: There is no such level.
    """
    token = _forced.set(_known(level, "engine"))
    try:
        yield
    finally:
        _forced.reset(token)


def run(
    cell: Any,
    x: Tensor,
    state: S,
    lengths: Tensor | None = None,
    *,
    resets: Tensor | None = None,
    states: bool = False,
) -> tuple[Tensor, S]:
    """Run a cell over a sequence: x (B, T, I) -> y (B, T, O) and the state after each row's last step.

    Beyond `lengths[b]` the state of row b is unchanged and its output is zero, whatever the padding.

    Args:
        cell: A cell.
        x: (B, T, I).
        state: Where to start.
        lengths: (B,) or None.
        resets: (B, T) booleans, true where the state is reset before the step.
        states: Return the state after every step instead, with (B, T) in front of every tensor.
    """
    if _in_a_compiled_graph():
        from recurra.compiling import captures, capturing

        for name in capturing() if hasattr(cell, "_transforms") else ():
            result: Any = captures[name](cell, x, state, lengths, resets, states)
            if result is not NotImplemented:
                return result  # type: ignore[no-any-return]
    if resets is None and not states:
        return _in_segments(cell, x, state, lengths)
    if states and x.shape[1] == 0:
        return _nothing(cell, x), map_state(lambda leaf: leaf.unsqueeze(1)[:, :0], state)
    put_out = states and transforms.fit_output(state, x)
    cell = transforms.transformed(cell, resets is not None, put_out)
    x = x if resets is None else transforms.with_marks(x, resets)
    if states and not put_out:
        return _step_by_step(cell, x, state, lengths)
    y, state = _in_segments(cell, x, state, lengths)
    return transforms.separated(y, state, lengths) if put_out else (y, state)


def _in_a_compiled_graph() -> bool:
    return torch.compiler.is_dynamo_compiling() and not torch.compiler.is_exporting()


def _in_segments(cell: Any, x: Tensor, state: S, lengths: Tensor | None) -> tuple[Tensor, S]:
    segment = activation_checkpointing.segment_length(x.shape[1])
    if segment is None:
        return _at_best_level(cell, x, state, lengths)
    level = forced_level()

    def whole(*arguments: Any) -> tuple[Tensor, Any]:
        with using(level):  # a segment is computed again on the way back, when nothing may be forced any more
            return _at_best_level(*arguments)

    return activation_checkpointing.run_in_segments(whole, segment, cell, x, state, lengths)


def _step_by_step(cell: Any, x: Tensor, state: S, lengths: Tensor | None) -> tuple[Tensor, S]:
    """Run over T >= 1 steps and return the states after each."""
    if torch.compiler.is_exporting():
        message = "an exported program can return the states of every step only if all have the dtype of y"
        raise IncompatibleParts(message)
    plain = activation_checkpointing.segment_length(x.shape[1]) is None
    step = loop if plain else partial(activation_checkpointing.run_in_segments, loop, 1)
    outputs, after = [], []
    for t in range(x.shape[1]):
        y, state = step(cell, x[:, t : t + 1], state, None if lengths is None else (lengths - t).clamp(0, 1))
        outputs.append(y)
        after.append(state)
    return torch.cat(outputs, 1), map_state(lambda *each: torch.stack(each, 1), *after)


def _at_best_level(cell: Any, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
    with evaluated_once(cell):
        return _by_an_engine(cell, x, state, lengths) or loop(cell, x, state, lengths)


def _by_an_engine(cell: Any, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any] | None:
    if _in_a_compiled_graph():
        return None
    # While a program is exported the loop would be unrolled, which would fix the number of steps.
    forced = _forced_level()
    exporting = torch.compiler.is_exporting()
    if forced == LOOP and not exporting:
        return None
    return _first_result("run", None if exporting else forced, cell, x, state, lengths)


def run_many(
    cell: Any, weights: Mapping[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, Any] | None:
    """Run P cells of one architecture over their own sequences, or return None if no engine can.

    Args:
        cell: The architecture.
        weights: Name -> (P, ...); what is not named is the cell's own.
        x: (P, B, T, I).
        state: Where each starts, with P on axis 0 of every leaf.
        lengths: (B,) or None.
    """
    level = _forced_level()
    return None if level == LOOP else _first_result("run_many", level, cell, weights, x, state, lengths)


def _first_result(method: str, level: str | None, *call: Any) -> tuple[Tensor, Any] | None:
    results = (getattr(engine, method)(*call) for engine in _engines_with(level))
    return next((result for result in results if result is not NotImplemented), None)


def loop(cell: Any, x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell as `run` does, by the definition: a Python loop over `step`, differentiated by autograd.

    Weights that torch's parametrizations compute are computed once, not at every step.
    """
    if x.shape[1] == 0:
        return _nothing(cell, x), state
    with evaluated_once(cell):
        return _plain_loop(cell, x, state) if lengths is None else _ragged_loop(cell, x, state, lengths)


def _plain_loop(cell: Any, x: Tensor, state: S) -> tuple[Tensor, S]:
    mixes, outputs = mixes_precisions(x), []
    for x_t in x.unbind(1):
        y, new = cell.step(x_t, state)
        state = in_precision_of(state, new) if mixes else new
        outputs.append(y)
    return torch.stack(outputs, 1), state


def _ragged_loop(cell: Any, x: Tensor, state: S, lengths: Tensor) -> tuple[Tensor, S]:
    live = torch.arange(x.shape[1], device=x.device) < lengths[:, None]  # (B, T)
    # Padding is zeroed before the step, not only after it: a NaN that went through the step would come back
    # as a NaN gradient, even where its output is thrown away.
    x = torch.where(live[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
    mixes, outputs = mixes_precisions(x), []
    for x_t, live_t in zip(x.unbind(1), live.unbind(1), strict=True):
        y, new = cell.step(x_t, state)
        state = select(live_t, in_precision_of(state, new) if mixes else new, state)
        outputs.append(torch.where(live_t[:, None], y, torch.zeros_like(y)))
    return torch.stack(outputs, 1), state


def _nothing(cell: Any, x: Tensor) -> Tensor:
    """Return what no steps put out."""
    return x.new_zeros(x.shape[0], 0, cell.output_size)
