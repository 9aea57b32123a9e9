"""`recurra show`: samples of a task."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from recurra_lab.cli._arguments import AS_JSON, keys, names_of

SPLITS = ("train", "validation", "test")
PICTURES = (".svg", ".png", ".pdf")


@click.command()
@click.argument("task", shell_complete=names_of("task"))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
@click.option("--samples", "count", type=click.IntRange(1, 20), default=2, help="Number of sequences.")
@click.option("--split", type=click.Choice(SPLITS), default="test", help="Split to show.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the data.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Picture to write: .svg, .png or .pdf.")
@AS_JSON
def show(
    task: str,
    overrides: tuple[str, ...],
    count: int,
    split: str,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show sequences of TASK: what a network reads, and what is due.

    \b
    recurra show copy task.max_length=5
    recurra show temporal-order --samples 4 -o samples.svg

    Each column is a step. Vectors are shown as shades, one row per channel, and symbols as numbers; a dot is
    a step without a target.
    """  # noqa: D301 (click reads the backspace)
    from recurra import InvalidOption
    from recurra.plugins import registry
    from recurra_lab.artifacts.atomic_files import check_place, durable
    from recurra_lab.cli._output import show_json
    from recurra_lab.experiments.overrides import options_under
    from recurra_lab.reports.samples import as_text, picture, samples

    if output is not None:
        if output.suffix.lower() not in PICTURES:
            raise InvalidOption(f"{output} must end in one of {', '.join(PICTURES)}, which says the format")
        check_place(output)
    made = registry.load("task", task)(**options_under("task", overrides))
    found = samples(made.supervised(), count, seed, split)
    if as_json:
        show_json([{name: part.tolist() for name, part in sample._asdict().items()} for sample in found])
    else:
        width = shutil.get_terminal_size().columns
        click.echo("\n\n".join(as_text(sample, width) for sample in found))
    if output is not None:
        with durable(output) as file:
            picture(found).savefig(file, format=output.suffix[1:].lower())
        click.echo(f"\npicture: {output}", err=as_json)
