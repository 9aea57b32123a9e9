"""`recurra report`: write the report of a run anew."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> None:
    """Write the report of the run in the folder RUN anew, and print where it is."""
    from recurra.report import write_report
    from recurra.run.folder import RunFolder
    from recurra.run.restore import restore
    from recurra.run.setup import goal_of

    folder = RunFolder.open(run)
    experiment, task, model = restore(folder)
    click.echo(write_report(folder, model, task, experiment.seed, goal_of(experiment, task)))
