"""`recurra resume`: resume an interrupted run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def resume(run: Path) -> None:
    """Resume the run in folder RUN from its newest intact checkpoint; the result is bit-identical."""
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import resumable, show_result
    from recurra_lab.experiments import Experiment
    from recurra_lab.runs.run import Run

    folder = RunFolder.open(run)
    experiment = Experiment.from_toml(folder.experiment)
    with resumable(folder):
        result = Run(experiment, folder, click.echo).resume()
    show_result(result, folder)
