"""Tensors among the arguments and results of a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Return the tensors among values, and among lists and tuples of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)


def listed(value: Any) -> list[Any]:
    """Return one result, or several, as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
