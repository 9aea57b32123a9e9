"""A sequence inside an exported program: torch's scan operator keeps the loop, for any number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan

from recurra.errors import IncompatibleParts
from recurra.state import in_precision_of, leaves, map_state, mixes_precisions

if TYPE_CHECKING:
    from recurra.cell import Cell

S = TypeVar("S")


def run(cell: Cell[S], x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell over x (B, T, I), T >= 1, as `engine.run` does, without lengths.

    Raises:
        IncompatibleParts: Lengths are given; an exported program reads whole batches of one length.
    """
    if lengths is not None:
        raise IncompatibleParts("an exported program takes no lengths; give it sequences of one length")
    carried = _as_list(state)
    if not carried:
        return _all_at_once(cell, x, state)

    mixes = mixes_precisions(x)

    def step(before: list[Tensor], x_t: Tensor) -> tuple[list[Tensor], Tensor]:
        old = _as_state(before, state)
        y, new = cell.step(x_t, old)
        return _as_list(in_precision_of(old, new) if mixes else new), y.clone()

    last, y = scan(step, carried, x.transpose(0, 1))
    return y.transpose(0, 1), _as_state(last, state)


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
