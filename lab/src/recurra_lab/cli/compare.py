"""`recurra compare`: compare runs over seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recurra_lab.cli._arguments import AS_JSON, QUIET, names_of, teller

if TYPE_CHECKING:
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.comparisons.groups import Comparison


@click.command()
@click.argument("words", nargs=-1, metavar="[RUN]... | [KEY=VALUE]...")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    shell_complete=names_of("task"),
    help="Train on this task; may be repeated.",
)
@click.option(
    "--cell",
    "cells",
    multiple=True,
    shell_complete=names_of("cell"),
    help="Train this cell; may be repeated.",
)
@click.option("--seeds", type=click.IntRange(1), default=5, help="Number of seeds to train.")
@click.option("--at-once", type=click.IntRange(1), default=1, help="Number of parallel runs.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/comparisons"), help="Folder of runs."
)
@click.option("--variant", help="Variant of the suite that decides; none: the first.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default=Path("comparison.html"), help="Page to write."
)
@QUIET
@AS_JSON
def compare(
    words: tuple[str, ...],
    tasks: tuple[str, ...],
    cells: tuple[str, ...],
    seeds: int,
    at_once: int,
    out: Path,
    variant: str | None,
    output: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare runs over their seeds, and say whether a difference is more than chance.

    \b
    recurra compare runs/copy                                  # all finished runs in a folder
    recurra compare --task copy --cell gru --cell lstm --seeds 5 run.max_steps=500

    Runs that differ in their seed alone form a group. With --task and --cell, every cell is trained on every
    task first; KEY=VALUE sets options of all runs. Finished runs are reused, so the command can be repeated.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.artifacts.atomic_files import check_place
    from recurra_lab.comparisons.groups import comparisons_of, finished_below
    from recurra_lab.comparisons.page import write_page

    check_place(output)
    folders: list[RunFolder]
    if tasks or cells:
        tell = teller(quiet=quiet, as_json=as_json)
        folders = _trained(words, tasks, cells, seeds, at_once, out, tell)
    else:
        folders = finished_below([Path(word) for word in words or ("runs",)])
    found = comparisons_of(folders)
    _check(variant, found)
    write_page(found, output, variant)
    if as_json:
        _print_json(found, variant)
        return
    for comparison in found:
        _print(comparison, variant)
    click.echo(f"page: {output}")


def _trained(
    words: tuple[str, ...],
    tasks: tuple[str, ...],
    cells: tuple[str, ...],
    seeds: int,
    at_once: int,
    out: Path,
    tell: Callable[[str], None],
) -> list[RunFolder]:
    from recurra import InvalidOption
    from recurra_lab.comparisons.training import train_all
    from recurra_lab.defaults import defaults

    if not tasks or not cells:
        missing = "--cell CELL" if tasks else "--task TASK"
        raise InvalidOption(f"{missing} is missing; training needs at least one task and one cell")
    return train_all(
        tasks, cells, words, seeds=seeds, root=out, at_once=at_once, tell=tell, defaults=defaults()
    )


def _check(variant: str | None, found: list[Comparison]) -> None:
    from recurra import InvalidOption, nearest

    known = list(dict.fromkeys(name for comparison in found for name in comparison.variants))
    if variant is not None and not all(variant in comparison.variants for comparison in found):
        near = nearest(variant, known) or f"; expected one of {', '.join(known)}"
        raise InvalidOption(f"--variant {variant}: not every run was evaluated on it{near}")


def _print(found: Comparison, variant: str | None) -> None:
    from recurra_lab.cli._output import table
    from recurra_lab.comparisons.table import columns, rows
    from recurra_lab.comparisons.verdict import differences

    shown = [variant or found.variants[0]]
    lines = [[row.name, *(cell.text for cell in row.cells)] for row in rows(found, shown)]
    click.echo(f"{found.task}\n{table([columns(found, shown), *lines])}")
    for difference in differences(found, variant):
        click.echo(str(difference))


def _print_json(found: list[Comparison], variant: str | None) -> None:
    from dataclasses import asdict

    from recurra_lab.cli._output import show_json
    from recurra_lab.comparisons.verdict import differences

    show_json(
        [
            {**asdict(comparison), "differences": [d._asdict() for d in differences(comparison, variant)]}
            for comparison in found
        ]
    )
