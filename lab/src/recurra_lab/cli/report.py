"""`recurra report`: regenerate the report of a run."""

from __future__ import annotations

from pathlib import Path

import click

from recurra.errors import MissingFile
from recurra_lab.cli._arguments import AS_JSON


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--curve", type=click.Path(path_type=Path), help="Also write the learning curve to this SVG file."
)
@AS_JSON
def report(run: Path, curve: Path | None, as_json: bool) -> None:
    """Regenerate the report of the run in folder RUN, and print its path."""
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_json, warn
    from recurra_lab.reports import write_curve, write_report
    from recurra_lab.runs.build import goal_of, threads
    from recurra_lab.runs.record import warnings_of_data
    from recurra_lab.runs.restore import restore

    folder = RunFolder.open(run)
    experiment, task, model = restore(folder)
    warn(warnings_of_data(folder, experiment))
    goal = goal_of(experiment, task)
    if curve is not None and not curve.parent.is_dir():
        raise MissingFile(f"--curve {curve}: the folder {curve.parent} does not exist")
    with threads(experiment.run.threads):
        page = write_report(folder, model, task, experiment.seed, goal, experiment.as_dict())
    if curve is not None:
        write_curve(folder, goal, curve, task.baselines())
    written = {"report": page, **({"curve": curve} if curve is not None else {})}
    if as_json:
        show_json({name: str(path) for name, path in written.items()})
    else:
        click.echo("\n".join(map(str, written.values())))
