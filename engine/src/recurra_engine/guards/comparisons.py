"""When a value counts as the same as the one that a trace has read."""

from __future__ import annotations

import datetime
import decimal
import fractions
import weakref
from collections import deque
from collections.abc import Callable
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor

Comparison = Callable[[Any], bool]
SCALARS = (int, bool, str, bytes, float, complex, type(None), type(...), type(NotImplemented), range, slice)
"""Exact types whose values never change, compared by type and value."""
CONSTANTS = (
    *(torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size),
    *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.datetime, datetime.timedelta),
)
"""The same, of other packages."""
SEQUENCES, SETS = (list, tuple, deque), (set, frozenset)
MAPPINGS = (dict, MappingProxyType)


def is_scalar(value: Any) -> bool:
    """Say whether a value never changes and is compared by value."""
    kind = type(value)
    return kind in SCALARS or kind in CONSTANTS or isinstance(value, (np.generic, np.dtype))


def comparison(value: Any) -> Comparison:
    """Return what recognises a value; what it holds is read and compared on its own."""
    if is_scalar(value):
        return _exactly(value)
    known = (compare for kinds, compare in _COMPARISONS if isinstance(value, kinds))
    return next(known, same)(value)


def same(value: Any) -> Comparison:
    """Return what recognises one object, even where another takes its place in memory."""
    try:
        reference = weakref.ref(value)
    except TypeError:  # a few built-in kinds allow no such reference
        return lambda other: other is value
    return lambda other: other is not None and other is reference()


def _exactly(value: Any) -> Comparison:
    kind = type(value)
    if isinstance(value, (float, complex, np.generic)) and not (value and value == value):
        text = repr(value)  # which shows the sign of zero, and takes one NaN for another
        return lambda other: type(other) is kind and repr(other) == text
    return lambda other: type(other) is kind and other == value


def members(values: Any) -> Comparison:
    """Return what recognises a sequence of scalars as a whole."""
    kind, known = type(values), list(map(_exact, values))
    return lambda other: type(other) is kind and list(map(_exact, other)) == known


def _exact(value: Any) -> tuple[type, Any]:
    return type(value), repr(value) if isinstance(value, (float, complex)) else value


def _sequence(value: Any) -> Comparison:
    kind, length = type(value), len(value)
    return lambda other: type(other) is kind and len(other) == length


def _mapping(value: Any) -> Comparison:
    kind, keys = type(value), [(type(key), key) for key in value]
    return lambda other: type(other) is kind and [(type(key), key) for key in other] == keys


def _set(value: Any) -> Comparison:
    kind, known = type(value), {(type(member), member) for member in value}
    return lambda other: type(other) is kind and {(type(member), member) for member in other} == known


def _array(value: np.ndarray[Any, Any]) -> Comparison:
    kind, like, known = type(value), (value.dtype, value.shape), value.tobytes()
    return lambda other: (
        type(other) is kind and (other.dtype, other.shape) == like and other.tobytes() == known
    )


def _tensor_like(value: Tensor) -> Comparison:
    kind, like = type(value), _likeness(value)
    return lambda other: type(other) is kind and _likeness(other) == like


def _likeness(value: Tensor) -> tuple[Any, ...]:
    return value.shape, value.dtype, value.layout, value.device, value.requires_grad


def numbers(value: Tensor) -> Comparison:
    """Return what recognises the elements of a tensor, which may change without its version."""
    alike, known = _tensor_like(value), value.detach().clone()
    return lambda other: alike(other) and torch.equal(other, known)


def _function(value: FunctionType) -> Comparison:
    itself, body = same(value), same(value.__code__)
    plain = value.__defaults__ is None, value.__kwdefaults__ is None

    def holds(other: Any) -> bool:
        return (
            itself(other)
            and body(other.__code__)
            and (other.__defaults__ is None, other.__kwdefaults__ is None) == plain
        )

    return holds


def _method(value: MethodType) -> Comparison:
    return lambda other: isinstance(other, MethodType)  # one is made whenever it is looked up


_COMPARISONS: tuple[tuple[Any, Callable[[Any], Comparison]], ...] = (
    (Tensor, _tensor_like),
    (np.ndarray, _array),
    (FunctionType, _function),
    (MethodType, _method),
    (SETS, _set),
    (MAPPINGS, _mapping),
    (SEQUENCES, _sequence),
)
