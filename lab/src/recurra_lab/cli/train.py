"""`recurra train`: run an experiment defined on the command line or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recurra_lab.cli._arguments import (
    AS_JSON,
    DRY_RUN,
    QUIET,
    composed,
    keys,
    names_and_overrides,
    names_of,
    teller,
)

if TYPE_CHECKING:
    from recurra_lab.experiments import Experiment


@click.command()
@click.argument("task", required=False, shell_complete=names_of("task"))
@click.argument("cell", required=False, shell_complete=names_of("cell"))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
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
@DRY_RUN
@QUIET
@AS_JSON
def train(
    task: str | None,
    cell: str | None,
    overrides: tuple[str, ...],
    config: Path | None,
    out: Path,
    print_config: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **short: str | int | None,
) -> None:
    """Train CELL on TASK.

    \b
    recurra train copy ntm
    recurra train copy ntm cell.memory.slots=64 trainer.optimizer.lr=1e-3 seed=3
    recurra train -c run.toml

    Any option of any component can be set by its KEY: see `recurra info ntm`, `recurra info run`.
    """  # noqa: D301 (click reads the backspace)
    task, cell, overrides = names_and_overrides(task, cell, overrides)
    given = [f"run.{name}={_toml(value)}" for name, value in short.items() if value is not None]
    experiment = composed(task, cell, config, [*overrides, *given])
    if print_config:
        click.echo(experiment.to_toml(), nl=False)
    elif dry_run:
        _plan(experiment, out, as_json)
    else:
        _start(experiment, out, quiet, as_json)


def _toml(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _start(experiment: Experiment, out: Path, quiet: bool, as_json: bool) -> None:
    from recurra_lab.cli._output import show_result
    from recurra_lab.runs.train import start

    told, shown = teller(quiet=quiet, as_json=as_json), not quiet and not as_json
    folder, result = start(experiment, out, told, progress=shown)
    show_result(result, folder, as_json=as_json)


def _plan(experiment: Experiment, out: Path, as_json: bool) -> None:
    """Build everything and print what would be trained."""
    from recurra_lab.cli._output import show_facts
    from recurra_lab.runs.build import build

    parts, run = build(experiment), experiment.run
    parameters = sum(p.numel() for p in parts.module.parameters() if p.requires_grad)
    names = (experiment.task.name, experiment.cell.name, experiment.trainer.name)
    facts = {
        **dict(zip(("task", "cell", "trainer"), names, strict=True)),
        "parameters": parameters,
        "updates": run.max_steps,
        "sequences": run.max_steps * run.accumulate * run.batch_size,
        "seed": experiment.seed,
        "folder": str(out / names[0] / f"{names[1]}-{names[2]}"),
    }
    show_facts(facts, as_json)
