"""What a trace depends on, as a key: of two calls with one key, the second may run what the first read."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from recurra.state import leaves
from recurra_engine.dtypes import cast_to

INTERNAL = (frozenset(vars(nn.Module())) - {"training"}) | {"_transforms"}
"""Attributes of every module, or of every cell, on which no trace depends."""
PLAIN = (int, float, bool, str, bytes, type(None))
LONGEST = 64
"""Collections with more members are known by their identity alone: every call looks at them."""


class _Same:
    """An object as part of a key: equal to itself alone, even where another takes its place in memory."""

    __slots__ = ("number", "value")

    def __init__(self, value: Any) -> None:
        self.number = id(value)
        try:
            self.value: Callable[[], Any] = weakref.ref(value)
        except TypeError:  # a few built-in kinds allow no such reference
            self.value = lambda: value

    def __hash__(self) -> int:
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value() is other.value() is not None


def kind_of(cell: nn.Module, x: Tensor, state: Any) -> tuple[Any, ...]:
    """Return all that a trace of a call with x (B, T, I), and its trial, depend on.

    That is shapes, dtypes, modes, which gradients are wanted, and what the modules hold besides weights.
    """
    parts = tuple((part.shape[1:], part.dtype) for _, part in leaves(state))
    held = tuple((name, type(module), *_held(module)) for name, module in cell.named_modules())
    weights = tuple(_weight(*named) for named in (*cell.named_parameters(), *cell.named_buffers()))
    wanted = x.requires_grad and torch.is_grad_enabled(), torch.is_grad_enabled()
    numbers = x.dtype, cast_to(x.device)
    return x.shape[2:], numbers, x.device, parts, held, weights, wanted


def _weight(name: str, weight: Tensor) -> tuple[Any, ...]:
    return name, weight.shape, weight.dtype, type(weight), weight.requires_grad


def _held(module: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((name, _mark(value)) for name, value in vars(module).items() if name not in INTERNAL)


def _mark(value: Any) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Tensor):
        return _Same(value), None if value.is_inference() else value._version
    members = _members(value)
    if members is None or len(members) > LONGEST:
        return _Same(value)
    return (type(value), *map(_mark, members))


def _members(value: Any) -> list[Any] | None:
    """Return what a collection or record holds."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, SimpleNamespace) or (dataclasses.is_dataclass(value) and hasattr(value, "__dict__")):
        return list(vars(value).items())
    return None
