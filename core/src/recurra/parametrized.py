"""Weights that torch's parametrizations make of others: evaluated once for a whole sequence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

_one_at_a_time = threading.RLock()


def parametrized(cell: Any) -> dict[str, Tensor]:
    """Return the tensors that a cell's parametrizations make, by name."""
    return {
        f"{prefix}{'.' if prefix else ''}{name}": getattr(module, name)
        for prefix, module in _modules_of(cell)
        for name in module.parametrizations
    }


@contextmanager
def evaluated_once(cell: Any) -> Iterator[None]:
    """Keep what a cell's parametrizations make for as long as this lasts, instead of for one step.

    An orthogonal matrix is then computed once for a sequence, and spectral normalisation improves its
    estimate once, as it does for a layer that is called once.
    """
    if torch.compiler.is_compiling() or not _modules_of(cell):
        yield
        return
    with _one_at_a_time, parametrize.cached():  # torch keeps what it has cached for all threads together
        yield


def _modules_of(cell: Any) -> list[tuple[str, Any]]:
    modules = cell.named_modules() if isinstance(cell, nn.Module) else ()
    return [(prefix, module) for prefix, module in modules if parametrize.is_parametrized(module)]
