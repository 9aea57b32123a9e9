"""What is said when a run ends, well or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.run_folder import RunFolder, first_process
from recurra_lab.runs.signals import Interrupted

if TYPE_CHECKING:
    from recurra_lab.training.evaluate import Baselines

NOTHING: Baselines = {}


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


def show_scores(scores: Mapping[str, Mapping[str, float]], baselines: Baselines = NOTHING) -> None:
    """Print the table of suite variants and scores, each with the predictors it may be compared with."""
    from rich.console import Console
    from rich.table import Table

    names = list(next(iter(scores.values())))
    table = Table("", *names)
    for variant, row in scores.items():
        table.add_row(variant, *_shown(row, names))
        for predictor, values in baselines.get(variant, {}).items():
            table.add_row(f"  {predictor}", *_shown(values, names), style="dim")
    Console().print(table)


def _shown(values: Mapping[str, float], names: Iterable[str]) -> list[str]:
    return [f"{values[name]:.4g}" if name in values else "" for name in names]


def show_json(value: object) -> None:
    """Print for machines."""
    click.echo(json.dumps(value, indent=2))
