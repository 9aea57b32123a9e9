"""Activation checkpointing over time: the backward pass recomputes what a segment of a sequence saved.

With segments of sqrt(T) steps the memory for gradients grows with sqrt(T); every forward step runs twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from recurra.errors import InvalidOption
from recurra.state import leaves, map_state

Every = int | Literal["sqrt"]
Run = Callable[[Any, Tensor, Any, Tensor | None], tuple[Tensor, Any]]
_every: ContextVar[Every | None] = ContextVar("checkpoint_every", default=None)


@contextmanager
def checkpointing(every: Every | None) -> Iterator[None]:
    """Keep only the state between segments of so many steps for the backward pass; `sqrt` means sqrt(T).

    Raises:
        InvalidOption: It is neither a positive number nor `sqrt`.
    """
    if every not in (None, "sqrt") and not (isinstance(every, int) and every > 0):
        raise InvalidOption(f"checkpoint_every must be a positive number of steps or 'sqrt', got {every!r}")
    token = _every.set(every)
    try:
        yield
    finally:
        _every.reset(token)


def segment_length(steps: int) -> int | None:
    """Return the steps of a segment of a sequence that is to be cut, or None."""
    # A trace of torch.compile sees no context variables; a captured sequence is cut when it runs.
    every = None if torch.compiler.is_dynamo_compiling() else _every.get()
    if every is None or not torch.is_grad_enabled():
        return None
    size = math.isqrt(max(steps - 1, 0)) + 1 if every == "sqrt" else every
    return size if size < steps else None


def run_in_segments(
    whole: Run, size: int, cell: Any, x: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, Any]:
    """Run a cell over x (B, T, I) in segments of `size` steps, as `whole` does at once."""
    outputs = []
    for start in range(0, x.shape[1], size):
        part = x[:, start : start + size]
        left = None if lengths is None else (lengths - start).clamp(0, part.shape[1])
        y, state = _checkpointed(whole, cell, part, state, left)
        outputs.append(y)
    return torch.cat(outputs, 1), state


def _checkpointed(whole: Run, cell: Any, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
    def flat(x: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        given = iter(parts)
        y, after = whole(cell, x, map_state(lambda _: next(given), state), lengths)
        return y, *(part for _, part in leaves(after))

    y, *after = checkpoint(flat, x, *(part for _, part in leaves(state)), use_reentrant=False)
    given = iter(after)
    return y, map_state(lambda _: next(given), state)
