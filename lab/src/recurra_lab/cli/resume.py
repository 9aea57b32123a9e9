"""`recurra resume`: resume an interrupted run."""

from __future__ import annotations

from pathlib import Path

import click

from recurra_lab.cli._arguments import AS_JSON, QUIET, keys, teller


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
@QUIET
@AS_JSON
def resume(run: Path, overrides: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Resume the run in folder RUN from its newest intact checkpoint.

    \b
    recurra resume RUN
    recurra resume RUN trainer.optimizer.lr=1e-4

    The result is bit-identical to that of an uninterrupted run. Options of the trainer and the run can be
    changed; the report lists these changes.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_result
    from recurra_lab.runs.record import recorded_experiment
    from recurra_lab.runs.run import Run

    folder = RunFolder.open(run)
    experiment = recorded_experiment(folder, overrides)
    told, shown = teller(quiet=quiet, as_json=as_json), not quiet and not as_json
    made = Run(experiment, folder, told, progress=shown)
    show_result(made.resume(overrides), folder, as_json=as_json)
