"""A guard: a straight-line program that reads again what a trace has read, and compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, NamedTuple

from recurra_engine.guards.comparisons import is_scalar


class Read(NamedTuple):
    """One value that is read again.

    Args:
        source: The register that it is read from.
        get: Reads it.
        holds: Says whether a value still counts as the same; None where only what it holds matters.
        label: What the user calls it, such as `self.scale`.
    """

    source: int
    get: Callable[[Any], Any]
    holds: Callable[[Any], bool] | None
    label: str


@dataclass(frozen=True)
class Guard:
    """What has to be as it was for a trace to stand in for its step.

    The first registers hold the cell and its weights; each read adds one. A guard keeps nothing alive that
    could lead to its cell.

    Args:
        reads: In an order in which each finds its source.
        same: Pairs of registers that hold the same object.
    """

    reads: tuple[Read, ...] = ()
    same: tuple[tuple[int, int], ...] = ()

    def changed(self, given: Sequence[Any]) -> str | None:
        """Return the label of the first value that is no longer the same, or None.

        Args:
            given: The cell and its weights.
        """
        values = list(given)
        for source, get, holds, label in self.reads:
            try:
                value = get(values[source])
                if holds is not None and not holds(value):
                    return label
            except Exception:  # an attribute or an entry that is gone, in whatever way its owner says so
                return label
            values.append(value)
        for one, other in self.same:
            if values[one] is not values[other]:
                return self.reads[one - len(given)].label
        return None

    def values(self, given: Sequence[Any]) -> list[Any]:
        """Return all registers, whatever their values."""
        values = list(given)
        for source, get, _, _ in self.reads:
            values.append(get(values[source]))
        return values

    def written(self, before: Sequence[Any], after: Sequence[Any]) -> str | None:
        """Return the label of the first value that is another object than before, or None."""
        start = len(before) - len(self.reads)
        for i, read in enumerate(self.reads, start):
            made_anew = is_scalar(after[i]) or isinstance(after[i], MethodType)
            if read.holds is not None and before[i] is not after[i] and not made_anew:
                return read.label
        return None
