"""`recurra train`: run an experiment defined on the command line or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recurra_lab.cli._arguments import names_and_overrides

if TYPE_CHECKING:
    from recurra_lab.experiments import Experiment


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from recurra_lab.experiments import completions

    return completions(context.params.get("task"), context.params.get("cell"), incomplete)


@click.command()
@click.argument("task", required=False)
@click.argument("cell", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=_complete)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Experiment file (TOML).")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), help="Output folder of all runs."
)
@click.option("--devices", type=int, help="Short for run.devices=N.")
@click.option("--nodes", type=int, help="Short for run.nodes=N.")
@click.option("--accelerator", help="Short for run.accelerator=...")
@click.option("--strategy", help="Short for run.strategy=...")
@click.option("--precision", help="Short for run.precision=...")
@click.option("--print-config", is_flag=True, help="Print the resolved experiment and exit.")
def train(
    task: str | None,
    cell: str | None,
    overrides: tuple[str, ...],
    config: Path | None,
    out: Path,
    print_config: bool,
    **short: str | int | None,
) -> None:
    """Train CELL on TASK.

    \b
    recurra train copy ntm
    recurra train copy ntm cell.memory.slots=64 trainer.optimizer.lr=1e-3 seed=3
    recurra train -c run.toml
    recurra train copy lstm run.seeds=10      # ten runs, as one program where possible

    Any option of any component can be set by its KEY: see `recurra info ntm`, `recurra info run`.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.experiments import Experiment

    task, cell, overrides = names_and_overrides(task, cell, overrides)
    given = [f"run.{name}={_toml(value)}" for name, value in short.items() if value is not None]
    experiment = Experiment.compose(task, cell, file=config, overrides=[*overrides, *given])
    if print_config:
        click.echo(experiment.to_toml(), nl=False)
        return
    _start(experiment, out)


def _toml(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _start(experiment: Experiment, out: Path) -> None:
    from recurra_lab.cli._output import show_result, show_seeds
    from recurra_lab.ensembles.seeds import start_seeds
    from recurra_lab.runs.train import start

    if experiment.run.seeds > 1:
        show_seeds(start_seeds(experiment, out, click.echo))
        return
    folder, result = start(experiment, out, click.echo)
    show_result(result, folder)
