"""`recurra runs`: list runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recurra_lab.artifacts.run_list import RunSummary

HEADER = ("TASK", "CELL", "TRAINER", "SEED", "STATUS", "UPDATES", "SCORE", "RUN")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--task", help="Only runs of this task.")
@click.option("--cell", help="Only runs of this cell.")
@click.option("--trainer", help="Only runs of this learning rule.")
@click.option("--status", help="Only solved, 'no improvement', 'budget used' or unfinished runs.")
@click.option(
    "--sort",
    metavar="COLUMN",
    default="run",
    help="run (by date), task, cell, trainer, seed, updates or a score.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every score.")
def runs(folder: Path, sort: str, as_json: bool, **wanted: str | None) -> None:
    """List the runs in FOLDER (default: runs) with their status and a score.

    The score is the one by which the runs are sorted, or else the first of the task, on the first variant of
    its suite.
    """
    from dataclasses import asdict

    from recurra_lab.artifacts.run_list import runs_below
    from recurra_lab.cli._output import show_json, table

    found = [run for run in runs_below(folder) if _is_wanted(run, wanted)]
    found.sort(key=_order(found, sort))
    if as_json:
        show_json([asdict(run) for run in found])
    elif found:
        click.echo(table([HEADER, *(_row(run, sort) for run in found)]))
    else:
        click.echo(f"no such runs in {folder}")


def _is_wanted(run: RunSummary, wanted: dict[str, str | None]) -> bool:
    return all(value is None or getattr(run, name) == value for name, value in wanted.items())


def _order(found: list[RunSummary], sort: str) -> Callable[[RunSummary], Any]:
    """Return the key by which runs are sorted; those without a value come last, dates are kept in order."""
    from recurra import InvalidOption, nearest

    if sort == "run":
        return lambda run: 0
    if sort in ("task", "cell", "trainer", "seed"):
        return lambda run: getattr(run, sort)
    if sort == "updates":
        return lambda run: (run.steps is None, run.steps)
    known = list(dict.fromkeys(name for run in found for name in run.scores))
    if sort not in known and found:
        names = ["run", "task", "cell", "trainer", "seed", "updates", *known]
        raise InvalidOption(f"--sort {sort}: expected one of {', '.join(names)}{nearest(sort, names)}")
    return lambda run: _numbers_first(run.scores.get(sort, math.nan))


def _numbers_first(score: float) -> tuple[bool, float]:
    return math.isnan(score), 0.0 if math.isnan(score) else score


def _row(run: RunSummary, sort: str) -> tuple[str, ...]:
    from recurra_lab.cli._output import DIGITS, STATUSES
    from recurra_lab.formatting import number

    name = sort if sort in run.scores else next(iter(run.scores), None)
    score = f"{name} {number(run.scores[name], DIGITS)}" if name else ""
    steps = "" if run.steps is None else f"{run.steps:,}"
    status = STATUSES.get(run.status, run.status)
    return (run.task, run.cell, run.trainer, str(run.seed), status, steps, score, run.path)
