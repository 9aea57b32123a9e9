"""Output of commands: tables, JSON, warnings and the result of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recurra.plugins.inventory import Defect
    from recurra_lab.artifacts.result import RunResult
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.comparisons.groups import Comparison
    from recurra_lab.training.evaluate import Baselines

NOTHING: Baselines = {}
DIGITS = 4
"""Significant digits of displayed scores."""
STATUSES = {"budget used": "step budget exhausted"}
"""Displayed form of a stored status, if it differs."""


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns.

    Does not use rich: importing it would double the time of `recurra list`, and it truncates lines when
    stdout is not a terminal.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def warn(told: Iterable[Defect | str]) -> None:
    """Print a warning to stderr for each defective plugin or other message."""
    for line in told:
        click.echo(f"warning: {line}", err=True)


def show_json(value: object) -> None:
    """Print a value as JSON, in which a number that is not finite is null."""
    from recurra_lab.formatting import finite

    click.echo(json.dumps(finite(value), indent=2, allow_nan=False))


def show_result(result: RunResult | None, folder: RunFolder) -> None:
    """Print the outcome, the scores and the path of the report; does nothing on ranks other than zero."""
    if result is None:
        return
    outcome = result.outcome
    after = f"after {outcome.steps:,} updates, {outcome.sequences:,} sequences"
    status = STATUSES.get(outcome.status, outcome.status)
    click.echo(f"{status} {after}, {outcome.train_seconds:.0f} s of training")
    show_scores(result.scores)
    click.echo(f"report: {folder.report}")


def show_comparison(found: Comparison, *variants: str) -> None:
    """Print the table of a comparison for some variants of the suite, and its verdicts on the first."""
    from recurra_lab.comparisons.table import columns, rows
    from recurra_lab.comparisons.verdict import differences

    lines = [[row.name, *(cell.text for cell in row.cells)] for row in rows(found, variants)]
    click.echo(f"{found.task}\n{table([columns(found, variants), *lines])}")
    for difference in differences(found, variants[0]):
        click.echo(str(difference))


def show_seeds(folders: Sequence[RunFolder]) -> None:
    """Print the medians and ranges of runs over seeds, and write the page that compares them."""
    from recurra_lab.comparisons.groups import comparisons_of
    from recurra_lab.comparisons.page import write_page

    found, page = comparisons_of(folders), folders[0].path.parent / "comparison.html"
    write_page(found, page)
    for comparison in found:
        show_comparison(comparison, *comparison.variants)
    click.echo(f"page: {page}")


def show_scores(scores: Mapping[str, Mapping[str, float]], baselines: Baselines = NOTHING) -> None:
    """Print the table of suite variants and scores, each variant followed by its baselines."""
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
