"""`recurra resume`: go on with a run that was interrupted."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def resume(run: Path) -> None:
    """Go on with the run in the folder RUN from its newest intact checkpoint, to the bit-identical result."""
    from recurra.cli.ending import announce
    from recurra.experiment import Experiment
    from recurra.run.folder import RunFolder
    from recurra.run.train import Run

    folder = RunFolder.open(run)
    experiment = Experiment.from_toml(folder.experiment)
    with announce(folder):
        Run(experiment, folder, click.echo).resume()
