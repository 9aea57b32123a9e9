"""What is said when a run ends, well or not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from recurra.run.folder import RunFolder, first_process, read_json
from recurra.run.signals import Interrupted


@contextmanager
def announce(folder: RunFolder) -> Iterator[None]:
    """Say afterwards how a run ended, how well it does and where the report is."""
    try:
        yield
    except Interrupted as interrupted:
        raise Interrupted(
            f"{interrupted}; go on with: recurra resume {folder.path}", interrupted.exit_code - 128
        ) from None
    if first_process():
        _summarise(folder)


def _summarise(folder: RunFolder) -> None:
    outcome, scores = read_json(folder.outcome), read_json(folder.scores)
    after = f"after {outcome['steps']:,} updates, {outcome['sequences']:,} sequences"
    click.echo(f"{outcome['status']} {after}, {outcome['train_seconds']:.0f} s of training")
    show_scores(scores)
    click.echo(f"report: {folder.report}")


def show_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table of suite variants and scores."""
    from rich.console import Console
    from rich.table import Table

    names = list(next(iter(scores.values())))
    table = Table("", *names)
    for variant, row in scores.items():
        table.add_row(variant, *(f"{row[name]:.4g}" for name in names))
    Console().print(table)


def show_json(value: object) -> None:
    """Print for machines."""
    click.echo(json.dumps(value, indent=2))
