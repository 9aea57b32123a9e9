"""`recurra find-lr`: learning-rate range test."""

from __future__ import annotations

from pathlib import Path

import click

from recurra_lab.cli._arguments import composed, keys, names_and_overrides, names_of


@click.command("find-lr")
@click.argument("task", required=False, shell_complete=names_of("task"))
@click.argument("cell", required=False, shell_complete=names_of("cell"))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Experiment file (TOML).")
@click.option("--lowest", type=click.FloatRange(0, min_open=True), default=1e-6, help="Lowest learning rate.")
@click.option(
    "--highest", type=click.FloatRange(0, min_open=True), default=1.0, help="Highest learning rate."
)
@click.option(
    "--batches", type=click.IntRange(10), default=100, help="Number of batches, one per learning rate."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, including all losses.")
def find_lr(
    task: str | None,
    cell: str | None,
    overrides: tuple[str, ...],
    config: Path | None,
    lowest: float,
    highest: float,
    batches: int,
    as_json: bool,
) -> None:
    """Run a learning-rate range test: train CELL on TASK briefly with an increasing learning rate.

    \b
    recurra find-lr copy ntm
    recurra find-lr copy lstm cell.hidden_size=64 --lowest 1e-5 --highest 0.1

    The suggestion is the rate at which the loss falls most steeply: a starting point, not the optimum.
    """  # noqa: D301 (click reads the backspace)
    from recurra.errors import InvalidOption
    from recurra_lab.cli._output import show_json
    from recurra_lab.runs.lr_finder import find_rates

    if not lowest < highest:
        raise InvalidOption(f"--lowest {lowest:g} must be less than --highest {highest:g}")
    task, cell, overrides = names_and_overrides(task, cell, overrides)
    experiment = composed(task, cell, config, [*overrides, "run.progress=false"])
    found = find_rates(experiment, lowest, highest, batches)
    if as_json:
        show_json(vars(found))
    elif found.suggested is None:
        click.echo("the loss did not decrease at any rate; try another range with --lowest and --highest")
    else:
        click.echo(f"trainer.optimizer.lr={found.suggested:.2g}")
