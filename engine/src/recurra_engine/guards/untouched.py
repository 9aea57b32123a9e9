"""A step that is run to be looked at leaves no trace of that."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import nn

from recurra_engine.guards.objects import TABLES


@contextmanager
def untouched(cell: nn.Module) -> Iterator[list[str]]:
    """Undo what is done to the attributes of a cell's modules and to generators of random numbers.

    Yields:
        The names of the attributes that were set; complete after the block.
    """
    before = [space for module in cell.modules() for space in _attributes(module)]
    states = random.getstate(), np.random.get_state()
    names: list[str] = []
    try:
        yield names
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        for space, known in before:
            names += _restored(space, known)


def _attributes(module: nn.Module) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    spaces = [vars(module), *(vars(module)[name] for name in TABLES)]
    return [(space, dict(space)) for space in spaces]


def _restored(space: dict[str, Any], known: dict[str, Any]) -> list[str]:
    names = [
        name for name in space.keys() | known.keys() if space.get(name, space) is not known.get(name, known)
    ]
    if names:
        space.clear()
        space.update(known)
    return sorted(names)
