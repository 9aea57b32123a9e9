"""Long sequences, cut into windows of a few steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """Steps `begin` to `end` are run; those from `first` on are new, and only they are scored.

    States before step `next_begin` are not read by any later window.
    """

    begin: int
    first: int
    end: int
    next_begin: int


class Truncation(NamedTuple):
    """TBPTT(k1, k2): an update every `k1` steps, whose gradient goes back `k2` steps."""

    k1: int
    k2: int


def windows(steps: int, truncation: Truncation) -> Iterator[Window]:
    """Yield windows that end every `k1` steps and begin `k2` steps before they end."""
    k1, k2 = truncation
    for first in range(0, steps, k1):
        begin, next_begin = (max(0, end - k2) for end in (first + k1, first + 2 * k1))
        yield Window(begin, first, min(first + k1, steps), next_begin)
