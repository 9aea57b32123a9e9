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


def windows(steps: int, new: int, reach: int) -> Iterator[Window]:
    """Yield windows that end every `new` steps and reach back `reach` steps from there."""
    for first in range(0, steps, new):
        begin, next_begin = (max(0, end - reach) for end in (first + new, first + 2 * new))
        yield Window(begin, first, min(first + new, steps), next_begin)
