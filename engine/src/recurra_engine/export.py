"""A sequence inside an exported program: torch's scan operator keeps the loop, for any number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan

from recurra.state import in_precision_of, leaves, map_state, mixes_precisions, select

if TYPE_CHECKING:
    from recurra.cell import Cell

S = TypeVar("S")


def run(cell: Cell[S], x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell over x (B, T, I), T >= 1, as `engine.run` does."""
    live = None if lengths is None else torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    x = x if live is None else torch.where(live[..., None], x, torch.zeros_like(x))
    y, state = _sequence(cell, x, state, live)
    return (y if live is None else torch.where(live[..., None], y, torch.zeros_like(y))), state


def _sequence(cell: Cell[S], x: Tensor, state: S, live: Tensor | None) -> tuple[Tensor, S]:
    """Run over x; the state of a row changes only where live (B, T) is true."""
    carried = _as_list(state)
    if not carried:
        return _all_at_once(cell, x, state)
    if isinstance(x.shape[1], int) and x.shape[1] == 1 and live is None:
        return _one_step(cell, x, state)
    mixes = mixes_precisions(x)

    def step(before: list[Tensor], now: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        old = _as_state(before, state)
        y, new = cell.step(now[0], old)
        new = in_precision_of(old, new) if mixes else new
        return _as_list(new if live is None else select(now[1], new, old)), y.clone()

    streams = [x] if live is None else [x, live]
    last, y = scan(step, carried, [stream.transpose(0, 1) for stream in streams])
    return y.transpose(0, 1), _as_state(last, state)


def _one_step(cell: Cell[S], x: Tensor, state: S) -> tuple[Tensor, S]:
    """Run over x (B, 1, I), where the number of steps is fixed: the program needs no loop."""
    y, new = cell.step(x[:, 0], state)
    return y[:, None], in_precision_of(state, new) if mixes_precisions(x) else new


def _all_at_once(cell: Cell[S], x: Tensor, state: S) -> tuple[Tensor, S]:
    # Without a state the steps are as independent as the rows, and scan has nothing to carry.
    y, state = cell.step(x.flatten(0, 1), state)
    return torch.unflatten(y, 0, x.shape[:2]), state


def _as_list(state: S) -> list[Tensor]:
    # Clones, since scan refuses results that share memory with what goes in or with each other.
    return [tensor.clone(memory_format=torch.contiguous_format) for _, tensor in leaves(state)]


def _as_state(tensors: list[Tensor], like: S) -> S:
    parts = iter(tensors)
    return map_state(lambda _: next(parts), like)
