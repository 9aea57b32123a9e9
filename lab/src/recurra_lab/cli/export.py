"""`recurra export`: a trained network as a program that needs torch alone."""

from __future__ import annotations

from pathlib import Path

import click

from recurra.errors import MissingFile


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="Where to; RUN/model.pt2 if not given.")
@click.option("--streaming", is_flag=True, help="Make a program that also takes the state to go on from.")
def export(run: Path, to: Path | None, streaming: bool) -> None:
    """Write the model of the run in the folder RUN as a program for `torch.export.load`."""
    from recurra_lab.artifacts.atomic_files import durable
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.export import save
    from recurra_lab.runs.restore import restore

    folder = RunFolder.open(run)
    to = to or folder.path / "model.pt2"
    if not to.parent.is_dir():
        raise MissingFile(f"--to {to}: the folder {to.parent} does not exist")
    _, _, model = restore(folder)
    with durable(to) as file:
        save(model, file, streaming=streaming)
    click.echo(to)
