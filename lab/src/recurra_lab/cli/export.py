"""`recurra export`: export a trained model as a program that needs only PyTorch."""

from __future__ import annotations

from pathlib import Path

import click

from recurra_lab.cli._arguments import AS_JSON


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="Output file (default: RUN/model.pt2).")
@click.option("--streaming", is_flag=True, help="Export a program that also takes an initial state.")
@AS_JSON
def export(run: Path, to: Path | None, streaming: bool, as_json: bool) -> None:
    """Export the trained model of the run in folder RUN; `torch.export.load` reads the file."""
    from recurra_lab.artifacts.atomic_files import check_place, durable
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_json
    from recurra_lab.exported_program import save_program
    from recurra_lab.runs.restore import restore

    folder = RunFolder.open(run)
    to = to or folder.path / "model.pt2"
    check_place(to)
    _, _, model = restore(folder)
    with durable(to) as file:
        save_program(model, file, streaming=streaming)
    if as_json:
        show_json({"file": str(to)})
    else:
        click.echo(to)
