"""Values that are compared as a whole, with none of their parts looked at."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recurra_engine.guards import comparisons
from recurra_engine.guards.comparisons import MAPPINGS, SEQUENCES, SETS, Comparison, is_scalar

SHORT = 16
"""Members of a sequence that are each read; a longer one is compared as a whole if it holds only scalars."""
LARGEST = 1024
"""Elements of an array, or members of a collection, that are compared at every call."""
FIXED = (
    *(types.WrapperDescriptorType, types.MethodWrapperType, types.MethodDescriptorType, types.CodeType),
    *(types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType),
    type(NamedTuple("_Any", [("field", int)]).field),  # type: ignore[attr-defined]
    *(types.GenericAlias, types.UnionType, enum.Enum, np.ufunc),
    *(torch._ops.OperatorBase, torch._ops.OpOverloadPacket, torch.jit.ScriptFunction),
)
"""Kinds of objects that do not change."""


class Whole(NamedTuple):
    """How a value is compared.

    Args:
        holds: What recognises it.
        obstacle: Why its changes would not be noticed.
    """

    holds: Comparison
    obstacle: str | None = None


def as_a_whole(value: Any) -> Whole | None:
    """Return how a value is compared, or None if its parts are."""
    if isinstance(value, FIXED):
        return Whole(comparisons.same(value))
    if isinstance(value, np.ndarray):
        return _bounded(value, value.size, fits=not value.dtype.hasobject)
    if isinstance(value, SETS):
        return _bounded(value, len(value), fits=all(map(is_scalar, value)))
    if isinstance(value, MAPPINGS):
        fits = all(map(_is_key, value))
        return None if fits and len(value) <= LARGEST else _bounded(value, len(value), fits=fits)
    if isinstance(value, SEQUENCES) and len(value) > SHORT:
        plain = all(map(is_scalar, value))
        if plain or len(value) > LARGEST:
            return _bounded(value, len(value), comparisons.members)
    return None


def numbers(value: Tensor) -> Whole:
    """Return how a tensor is compared whose numbers are in a graph."""
    return _bounded(value, value.numel(), comparisons.numbers, fits=not value.is_cuda)


def _bounded(
    value: Any, size: int, compare: Callable[[Any], Comparison] = comparisons.comparison, *, fits: bool = True
) -> Whole:
    if fits and size <= LARGEST:
        return Whole(compare(value))
    why = f"more than the {LARGEST} that are compared at every call" if fits else "which are not compared"
    return Whole(comparisons.same(value), f"of type {type(value).__name__} with {size} elements, {why}")


def _is_key(value: Any) -> bool:
    return is_scalar(value) or isinstance(value, (type, enum.Enum))
