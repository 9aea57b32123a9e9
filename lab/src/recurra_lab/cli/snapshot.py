"""`recurra snapshot`: write the batches of a task to Parquet files."""

from __future__ import annotations

from pathlib import Path

import click

from recurra_lab.cli._arguments import AS_JSON, keys, names_of

COUNT = click.IntRange(min=1)


@click.command()
@click.argument("task", shell_complete=names_of("task"))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, help="Output folder; must be new or empty."
)
@click.option("--train", type=COUNT, default=500, help="Number of training batches.")
@click.option("--validation", type=COUNT, default=50, help="Number of validation batches.")
@click.option("--test", type=COUNT, default=50, help="Number of test batches.")
@click.option("--batch-size", type=COUNT, default=16, help="Sequences per batch.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the data.")
@AS_JSON
def snapshot(
    task: str,
    overrides: tuple[str, ...],
    to: Path,
    batch_size: int,
    seed: int,
    as_json: bool,
    **batches: int,
) -> None:
    """Write batches of TASK to Parquet files, for use in other programs or as a fixed data set.

    \b
    recurra snapshot copy --to copy-data
    recurra snapshot copy task.max_length=5 --to short-copies --train 100

    `datasets.load_dataset` reads the folder; `recurra_lab.load_snapshot` turns it back into a task.
    """  # noqa: D301 (click reads the backspace)
    from recurra.plugins import registry
    from recurra_lab.cli._output import show_json
    from recurra_lab.experiments.overrides import options_under
    from recurra_lab.snapshots.task import write_snapshot

    made = registry.load("task", task)(**options_under("task", overrides))
    write_snapshot(made, to, batches=batches, batch_size=batch_size, seed=seed)  # type: ignore[arg-type]
    if as_json:
        show_json({"folder": str(to), **{name: count * batch_size for name, count in batches.items()}})
        return
    message = ", ".join(f"{count * batch_size:,} sequences in {name}" for name, count in batches.items())
    click.echo(f"wrote {to}: {message}")
