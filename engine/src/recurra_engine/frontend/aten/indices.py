"""Operators that take elements from places, or put them there, where the places are known beforehand.

Places are tensors that no input has a part in; rules in `INDEXED` are given them as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra_engine.frontend.aten.rules import Untranslated, rule
from recurra_engine.ir.graph import Node, cat, const, cut, expand, reshape

INDEXED = frozenset({"index", "index_select", "gather", "index_put", "scatter"})
MOST = 64
"""Into how many pieces a value is cut; torch takes more in one go."""


def _known(*indices: Any) -> None:
    if any(isinstance(index, Node) for index in indices):
        raise Untranslated("the step takes elements from places that it computes")


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return where neighbours that stay neighbours begin and end."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    if len(runs) > MOST:
        raise Untranslated(f"the step takes elements from more than {MOST} places")
    return runs


def _taken(a: Node, dim: int, places: Tensor) -> Node:
    return cat([cut(a, dim, start, stop) for start, stop in _runs(places.tolist())], dim)


def _places(a: Node) -> Tensor:
    return torch.arange(a.size).view(a.shape)


def picked(a: Node, places: Tensor) -> Node:
    """Return the elements of a, counted in their order, that a tensor of numbers names."""
    flat = _taken(reshape(a, (a.size,)), 0, places.flatten())
    return reshape(flat, tuple(places.shape))


@rule("index_select")
def _index_select(a: Node, dim: int, index: Tensor) -> Node:
    _known(index)
    return _taken(a, dim % len(a.shape), index.flatten())


@rule("gather")
def _gather(a: Node, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Node:
    _known(index)
    return picked(a, _places(a).gather(dim, index.cpu()))


@rule("index")
def _index(a: Node, indices: Sequence[Tensor | None]) -> Node:
    _known(*indices)
    named = [d for d, index in enumerate(indices) if index is not None]
    if len(named) == 1 and indices[named[0]].dim() == 1:  # type: ignore[union-attr]
        dim, index = named[0], indices[named[0]]
        assert index is not None
        return _taken(a, dim, torch.arange(a.shape[dim])[index.cpu()])
    return picked(a, _places(a)[_full(indices)])


def _full(indices: Sequence[Tensor | None]) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else index.cpu() for index in indices)


def _put(a: Node, places: Tensor, values: Node) -> Node:
    """Return a with values at places, counted in the order of a's elements."""
    values = expand(values, tuple(places.shape))
    source = torch.arange(a.size)
    source[places.flatten()] = a.size + torch.arange(math.prod(places.shape))
    joined = cat([reshape(a, (a.size,)), reshape(values, (values.size,))], 0)
    return picked(joined, source.view(a.shape))


@rule("index_put")
def _index_put(a: Node, indices: Sequence[Tensor | None], values: Node, accumulate: bool = False) -> Node:
    _known(*indices)
    if accumulate:
        raise Untranslated("the step adds at places that it names")
    return _put(a, _places(a)[_full(indices)], values)


@rule("scatter")
def _scatter(a: Node, dim: int, index: Tensor, source: Any, **options: Any) -> Node:
    _known(index)
    if options:
        raise Untranslated("the step scatters with a reduction")
    part = source if isinstance(source, Node) else const(source, index.shape)
    for d, n in enumerate(index.shape):
        part = cut(part, d, 0, n)
    return _put(a, _places(a).gather(dim, index.cpu()), part)


@rule("unfold")
def _unfold(a: Node, dim: int, size: int, step: int) -> Node:
    return picked(a, _places(a).unfold(dim, size, step))


@rule("diagonal")
def _diagonal(a: Node, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    return picked(a, _places(a).diagonal(offset, dim1, dim2))
