"""The table of a comparison: one row per group, scores beside cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from recurra_lab.comparisons.groups import ComparedRun, Comparison, Group, median
from recurra_lab.formatting import duration, number
from recurra_lab.reports.text import spoken


class Cell(NamedTuple):
    """A value to sort by, and its text."""

    value: float
    text: str


class Row(NamedTuple):
    """A group: its name, and a cell per further column."""

    name: str
    cells: Sequence[Cell]


def columns(found: Comparison, variants: Sequence[str]) -> list[str]:
    """Return the header of the table."""
    scores = [f"{variant}: {spoken(found.goal.score)}" for variant in variants]
    return ["cell", "seeds", "solved", *scores, "updates", "CPU time", "weights"]


def rows(found: Comparison, variants: Sequence[str]) -> list[Row]:
    """Return the rows, the best group first."""
    return [_row(found, group, variants) for group in found.groups]


def _row(found: Comparison, group: Group, variants: Sequence[str]) -> Row:
    runs = group.runs
    solved = sum(run.solved for run in runs)
    cells = [Cell(len(runs), str(len(runs))), Cell(solved / len(runs), f"{solved} of {len(runs)}")]
    cells += [
        _spread(found.values(group, variant), number, found.median(group, variant)) for variant in variants
    ]
    cells += [
        _spread([run.steps for run in runs], lambda value: f"{value:,.0f}"),
        _spread([run.cpu_seconds for run in runs], duration),
        _weights(runs),
    ]
    return Row(group.name, cells)


def _spread(values: Sequence[float], shown: Callable[[float], str], middle: float | None = None) -> Cell:
    middle = median(values) if middle is None else middle
    known = [value for value in values if value == value]
    notes = [f"{shown(min(known))} to {shown(max(known))}"] if len(set(known)) > 1 else []
    if known and len(known) < len(values):
        notes.append(f"{len(values) - len(known)} not a number")
    return Cell(middle, f"{shown(middle)} ({', '.join(notes)})" if notes else shown(middle))


def _weights(runs: Sequence[ComparedRun]) -> Cell:
    return _spread([run.parameters for run in runs], lambda value: f"{value:,.0f}")
