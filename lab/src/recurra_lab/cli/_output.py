"""Output of commands: tables, JSON, warnings and the result of a run."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recurra.plugins.inventory import Defect
    from recurra_lab.artifacts.result import RunResult
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.training.evaluate import Baselines

NOTHING: Baselines = {}
GAP = "  "
NARROWEST = 20
"""Least width in characters to which text is wrapped."""
DIGITS = 4
"""Significant digits of displayed scores."""
STATUSES = {"budget used": "step budget exhausted"}
"""Displayed form of a stored status, if it differs."""


def table(rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """Return rows as aligned columns; on a terminal, they are wrapped to its width.

    If it is too narrow for columns, every row becomes lines of `heading value`. Does not use rich: importing
    it would double the time of `recurra list`, and it truncates lines when stdout is not a terminal.

    Args:
        rows: Rows of equal length, the first of which holds the headings if there are three columns or more.
        width: The width in characters; None for that of the terminal, or none if stdout is not one.
    """
    rows = list(rows)
    width = width or _terminal_width()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        spare, least = width - len(GAP) * (len(widths) - 1), _least(rows)
        if sum(least) > spare:
            return _records(rows, width) if len(widths) > 2 else _lines(rows, [widths[0], NARROWEST])
        while sum(widths) > spare:
            widest = max((w, i) for i, w in enumerate(widths) if w > least[i])
            widths[widest[1]] -= 1
    return _lines(rows, widths)


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _least(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest word of each column; words are not broken."""
    return [
        max((len(w) for text in column for w in text.split()), default=0)
        for column in zip(*rows, strict=True)
    ]


def _lines(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    return "\n".join(line for row in rows for line in _wrapped(row, widths))


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    parts = [
        _filled(text, width) if len(text) > width else [text] for text, width in zip(row, widths, strict=True)
    ]
    for line in zip_longest(*parts, fillvalue=""):
        yield GAP.join(map(str.ljust, line, widths)).rstrip()


def _filled(text: str, width: int) -> list[str]:
    """Break a text into lines, not inside words, so that names and paths can be copied."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _records(rows: Sequence[Sequence[str]], width: int) -> str:
    head, *body = rows
    shown = max(map(len, head))
    widths = [shown, max(width - shown - len(GAP), NARROWEST)]
    return "\n\n".join(_lines(zip(head, row, strict=True), widths) for row in body)


def warn(told: Iterable[Defect | str]) -> None:
    """Print a warning to stderr for each defective plugin or other message."""
    for line in told:
        click.echo(f"warning: {line}", err=True)


def show_json(value: object) -> None:
    """Print a value as JSON, in which a number that is not finite is null and a date is text."""
    from recurra_lab.formatting import finite

    click.echo(json.dumps(finite(value), indent=2, allow_nan=False, default=str))


def show_facts(facts: Mapping[str, object], as_json: bool) -> None:
    """Print named values as JSON, or one per line."""
    if as_json:
        show_json(facts)
        return
    shown = {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in facts.items()}
    click.echo(table(list(shown.items())))


def show_result(result: RunResult | None, folder: RunFolder, *, as_json: bool = False) -> None:
    """Print the outcome, the scores and the path of the report; does nothing on ranks other than zero."""
    if result is None:
        return
    outcome = result.outcome
    if as_json:
        paths = {"run": str(folder.path), "report": str(folder.report)}
        show_json({**paths, **asdict(outcome), "scores": result.scores})
        return
    after = f"after {outcome.steps:,} updates, {outcome.sequences:,} sequences"
    status = STATUSES.get(outcome.status, outcome.status)
    click.echo(f"{status} {after}, {outcome.train_seconds:.0f} s of training")
    show_scores(result.scores)
    click.echo(f"report: {folder.report}")


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
