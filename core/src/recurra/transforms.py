"""Resets, and states of every step, as cells made of a cell: whatever runs a cell can do both.

Each is made once for a cell, since an engine remembers what it compiled for a cell.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from recurra.state import leaves, map_state, mixes_precisions, select

S = TypeVar("S")


class _Around(nn.Module):
    def __init__(self, cell: Any, output_size: int | None = None) -> None:
        super().__init__()
        self.cell, self.output_size = cell, output_size

    def initial_state(self, batch_size: int) -> Any:
        return self.cell.initial_state(batch_size)


class _WithResets(_Around):
    """Reads [x, mark] (B, I + 1), and starts anew before a step whose mark is 1."""

    def step(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        start = self.cell.initial_state(x.shape[0])
        y, after = self.cell.step(x[:, :-1], select(x[:, -1] > 0, start, state))
        return y, after


class _WithStates(_Around):
    """Puts out [y, s], where s is all tensors of the state after the step, one after the other."""

    def step(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        y, after = self.cell.step(x, state)
        flat = (leaf.reshape(leaf.shape[0], _size(leaf)) for _, leaf in leaves(after))
        return torch.cat([y, *flat], -1), after


def _size(leaf: Tensor) -> int:
    return math.prod(leaf.shape[1:])


_numbers = itertools.count()
owners: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""The cells by the numbers of their transforms, by which operators in compiled graphs find them."""


class Transforms:
    """What was made of the cell that keeps this; copies and pickles of the cell start with nothing made."""

    def __init__(self, owner: Any = None) -> None:
        self.made: dict[tuple[bool, bool], nn.Module] = {}
        self.number = next(_numbers)
        if owner is not None:
            owners[self.number] = owner

    def __reduce__(self) -> tuple[type[Transforms], tuple[()]]:
        return Transforms, ()


def transformed(cell: Any, resets: bool, states: bool) -> Any:
    """Return what a cell becomes, made at the first call."""
    if not resets and not states:
        return cell
    # A trace sees a copy of the cell, and what it makes is of no use after it.
    made = {} if torch.compiler.is_compiling() else cell._transforms.made
    known = made.get((resets, states))
    if known is None:
        inner = _WithResets(cell, cell.output_size) if resets else cell
        known = made.setdefault((resets, states), _WithStates(inner) if states else inner)
    return known


def with_marks(x: Tensor, resets: Tensor) -> Tensor:
    """Return [x, mark] (B, T, I + 1) for `_WithResets`."""
    return torch.cat([x, resets[..., None].to(x)], -1)


def fit_output(state: Any, x: Tensor) -> bool:
    """Say whether `_WithStates` can put a state out: all its tensors have the dtype of y."""
    return not mixes_precisions(x) and all(leaf.dtype == x.dtype for _, leaf in leaves(state))


def separated(both: Tensor, last: S, lengths: Tensor | None) -> tuple[Tensor, S]:
    """Return y (B, T, O) and the state after every step, of what `_WithStates` put out over a sequence.

    Args:
        both: (B, T, O + s).
        last: The final state, where each row stands past its length.
        lengths: (B,) or None.
    """
    start = both.shape[-1] - sum(_size(leaf) for _, leaf in leaves(last))
    # One view each, since what `split` returns must not be changed in place.
    y, flat = both[..., :start], _views(both, start, last)
    after = map_state(lambda leaf: next(flat).reshape(*both.shape[:2], *leaf.shape[1:]), last)
    return y, after if lengths is None else _standing(after, last, lengths)


def _views(both: Tensor, start: int, last: Any) -> Iterator[Tensor]:
    for _, leaf in leaves(last):
        yield both[..., start : start + _size(leaf)]
        start += _size(leaf)


def _standing(states: S, last: S, lengths: Tensor) -> S:
    def stand(leaf: Tensor, end: Tensor) -> Tensor:
        live = torch.arange(leaf.shape[1], device=leaf.device) < lengths[:, None]
        return torch.where(live.view(*live.shape, *[1] * (leaf.dim() - 2)), leaf, end.unsqueeze(1))

    return map_state(stand, states, last)
