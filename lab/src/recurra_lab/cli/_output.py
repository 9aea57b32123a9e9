"""What commands print: tables, JSON, warnings, and how a run ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recurra.plugins.inventory import Defect
    from recurra_lab.artifacts.result import RunResult
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.training.evaluate import Baselines

NOTHING: Baselines = {}
DIGITS = 4
"""Digits of a score that are shown."""


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns.

    Not by rich: importing it takes as long as all else that `recurra list` does, and it cuts lines where
    there is no terminal.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def warn(defects: Iterable[Defect]) -> None:
    """Name plugins that failed on stderr, one line each."""
    for defect in defects:
        click.echo(f"warning: {defect}", err=True)


def show_json(value: object) -> None:
    """Print for machines."""
    click.echo(json.dumps(value, indent=2))


@contextmanager
def resumable(folder: RunFolder) -> Iterator[None]:
    """Say how to go on with a run that a signal ends."""
    from recurra_lab.runs.signals import Interrupted

    try:
        yield
    except Interrupted as interrupted:
        raise Interrupted(
            f"{interrupted}; go on with: recurra resume {folder.path}", interrupted.exit_code - 128
        ) from None


def show_result(result: RunResult | None, folder: RunFolder) -> None:
    """Print how a run ended, how well it does and where its report is; ranks other than zero know nothing."""
    if result is None:
        return
    outcome = result.outcome
    after = f"after {outcome.steps:,} updates, {outcome.sequences:,} sequences"
    click.echo(f"{outcome.status} {after}, {outcome.train_seconds:.0f} s of training")
    show_scores(result.scores)
    click.echo(f"report: {folder.report}")


def show_scores(scores: Mapping[str, Mapping[str, float]], baselines: Baselines = NOTHING) -> None:
    """Print the table of suite variants and scores, each with the predictors it may be compared with."""
    names = list(next(iter(scores.values())))
    rows = [("", *names)]
    for variant, values in scores.items():
        rows.append((variant, *_numbers(values, names)))
        known = baselines.get(variant, {})
        rows += [(f"  {predictor}", *_numbers(of_it, names)) for predictor, of_it in known.items()]
    click.echo(table(rows))


def _numbers(values: Mapping[str, float], names: Iterable[str]) -> list[str]:
    from recurra_lab.formatting import number

    return [number(values[name], DIGITS) if name in values else "" for name in names]
