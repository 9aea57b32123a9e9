"""The operators under `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Dims = Any
"""The axis of a tensor that is mapped over, None, or a list of these."""


def one_by_one(operator: Callable[..., list[Tensor]]) -> Callable[..., Any]:
    """Return the rule that calls an operator for each element of the axis."""

    def rule(info: Any, dims: Sequence[Dims], *arguments: Any) -> tuple[list[Tensor], list[int]]:
        each = [operator(*_element(arguments, dims, i)) for i in range(info.batch_size)]
        results = [torch.stack(results) for results in zip(*each, strict=True)]
        return results, [0] * len(results)

    return rule


def as_rows(operator: Callable[..., list[Tensor]]) -> Callable[..., Any]:
    """Return the rule that calls `sequence` once where the axis can be one of rows, and else one by one."""
    singly = one_by_one(operator)

    def rule(info: Any, dims: Sequence[Dims], *arguments: Any) -> tuple[list[Tensor], list[int | None]]:
        number, x, state, tensors, lengths, resets, states, needs, *rest = arguments
        if any(dim is not None for dim in dims[3]) or any(needs) or rest[-1]:
            one_by_one: tuple[list[Tensor], list[int | None]] = singly(info, dims, *arguments)
            return one_by_one
        given = _rows((x, state, lengths, resets), (dims[1], dims[2], *dims[4:6]), info.batch_size)
        x, state, lengths, resets = given
        *results, ticket = operator(number, x, state, tensors, lengths, resets, states, needs, *rest)
        apart = [torch.unflatten(result, 0, (info.batch_size, -1)) for result in results]
        return [*apart, ticket], [*[0] * len(apart), None]

    return rule


def _element(value: Any, dim: Dims, i: int) -> Any:
    if isinstance(dim, (list, tuple)):
        return [_element(part, at, i) for part, at in zip(value, dim, strict=True)]
    return value if dim is None else value.select(dim, i)


def _rows(value: Any, dim: Dims, size: int) -> Any:
    """Return (V B, ...) of every tensor, whether it has the axis V or not."""
    if isinstance(value, (list, tuple)):
        axes = dim if isinstance(dim, (list, tuple)) else [dim] * len(value)
        return [_rows(part, at, size) for part, at in zip(value, axes, strict=True)]
    if value is None:
        return None
    first = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
    return first.flatten(0, 1)
