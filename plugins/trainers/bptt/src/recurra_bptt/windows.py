"""A batch of long sequences, cut into windows of a few steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from recurra.task import Batch


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


def part(batch: Batch, first: int, end: int) -> Batch:
    """Return steps `first` to `end` of a batch."""
    x, target, mask = (values[:, first:end] for values in batch[:3])
    return Batch(x, target, mask, (batch.lengths - first).clamp(0, end - first))
