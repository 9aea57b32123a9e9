"""The levels by name, and how one is forced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

from recurra.errors import InvalidOption

Level = Literal["loop", "scan", "native", "device"]
LEVELS: tuple[Level, ...] = get_args(Level)
VARIABLE = "RECURRA_ENGINE"
"""The variable that forces a level for a whole process."""
_forced: ContextVar[Level | None] = ContextVar("level", default=None)


def forced() -> Level | None:
    """Return the level that is forced, or None for the best one.

    Raises:
        InvalidOption: The variable names no level.
    """
    return _forced.get() or _known(os.environ.get(VARIABLE), VARIABLE)


def _known(level: str | None, where: str) -> Level | None:
    if not level or level in LEVELS:
        return level or None
    raise InvalidOption(f"{where}: there is no level '{level}'; expected one of {', '.join(LEVELS)}")


@contextmanager
def using(level: Level | None) -> Iterator[None]:
    """Force a level (None: the best one) for what is run inside; one that cannot run steps down to the loop.

    Raises:
        InvalidOption: There is no such level.
    """
    token = _forced.set(_known(level, "engine"))
    try:
        yield
    finally:
        _forced.reset(token)
