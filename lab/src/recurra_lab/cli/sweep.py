"""`recurra sweep`: hyperparameter sweeps over options and seeds."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from recurra_lab.cli._arguments import AS_JSON, DRY_RUN, QUIET, composed, keys, names_of, teller

if TYPE_CHECKING:
    import optuna

    from recurra_lab.experiments import Experiment
    from recurra_lab.sweeps.executors import Cluster
    from recurra_lab.sweeps.study import Sweep


@click.command()
@click.argument("task", shell_complete=names_of("task"))
@click.argument("cell", shell_complete=names_of("cell"))
@click.argument("words", nargs=-1, metavar="[KEY=VALUES]...", shell_complete=keys)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Experiment file (TOML).")
@click.option("--trials", type=click.IntRange(1), help="Number of trials (default: every combination).")
@click.option("--seeds", type=click.IntRange(1), default=1, help="Number of seeds per trial.")
@click.option("--at-once", type=click.IntRange(1), default=1, help="Number of parallel trials.")
@click.option(
    "--cluster", type=click.Choice(["local", "ray"]), default="local", help="Where to execute the runs."
)
@click.option("--gpus", type=click.FloatRange(0), default=0, help="GPUs per trial on a Ray cluster.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/sweeps"), help="Output folder.")
@DRY_RUN
@QUIET
@AS_JSON
def sweep(
    task: str,
    cell: str,
    words: tuple[str, ...],
    config: Path | None,
    trials: int | None,
    seeds: int,
    at_once: int,
    cluster: Cluster,
    gpus: float,
    out: Path,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a hyperparameter sweep for CELL on TASK.

    \b
    recurra sweep copy lstm cell.hidden_size=32,64,128 --seeds 3
    recurra sweep copy ntm trainer.optimizer.lr=log:1e-4..1e-2 cell.memory.slots=32..128 --trials 30

    VALUES are choices, such as 32,64, or a range, such as 32..128 or log:1e-4..1e-2.
    Trials are ranked by their last validation score, averaged over seeds; Optuna proposes the next trial.
    To resume an interrupted sweep, repeat the command; to extend a finished one, increase --trials.
    """  # noqa: D301 (click reads the backspace)
    if find_spec("optuna") is None:
        from recurra.errors import InvalidOption

        raise InvalidOption("recurra sweep needs Optuna: pip install 'recurra-lab[sweep]'")
    from recurra_lab.sweeps.executors import place
    from recurra_lab.sweeps.results import write
    from recurra_lab.sweeps.study import check_success, run, study_of

    made, experiment = _sweep(task, cell, words, config, trials, seeds, out)
    if dry_run:
        _plan(made, experiment, as_json)
        return
    study = study_of(_write(made, experiment))
    run(made, study, place(cluster, gpus), at_once, teller(quiet=quiet, as_json=as_json))
    write(study, made.space, made.check().score, made.folder)
    check_success(study)
    _show(made, study, as_json)


def _plan(made: Sweep, experiment: Experiment, as_json: bool) -> None:
    """Print what would be run, after checking every value."""
    from recurra_lab.cli._output import show_facts

    with TemporaryDirectory() as folder:
        _write(replace(made, file=Path(folder) / made.file.name), experiment).check()
    trials = made.count()
    facts = {"trials": trials, "seeds": len(made.seeds), "runs": trials * len(made.seeds)}
    varied = {key: ", ".join(map(str, space.ends())) for key, space in made.space.items()}
    show_facts({**facts, **varied, "folder": str(made.folder)}, as_json)


def _show(made: Sweep, study: optuna.Study, as_json: bool) -> None:
    from recurra_lab.cli._output import show_json, table
    from recurra_lab.sweeps.results import rows, shown

    ranked = rows(study, made.space)
    if as_json:
        head, *lines = ranked
        trials = [dict(zip(head, line, strict=True)) for line in lines]
        show_json({"folder": str(made.folder), "trials": trials})
        return
    click.echo(table(shown(ranked)))
    click.echo(f"results: {made.folder / 'results.md'}")


def _sweep(
    task: str,
    cell: str,
    words: tuple[str, ...],
    config: Path | None,
    trials: int | None,
    seeds: int,
    out: Path,
) -> tuple[Sweep, Experiment]:
    from recurra_lab.sweeps.space import split
    from recurra_lab.sweeps.study import Sweep

    space, fixed = split(words)
    experiment = composed(task, cell, config, fixed)
    # Only trials of the same experiment, space and seeds are comparable, so others get another folder.
    asked = f"{experiment.config_hash()} {space} {seeds}"
    folder = out / f"{task}-{cell}-{hashlib.blake2b(asked.encode(), digest_size=4).hexdigest()}"
    numbers = range(experiment.seed, experiment.seed + seeds)
    made = Sweep(folder / "experiment.toml", space, numbers, trials, folder)
    made.count()
    return made, experiment


def _write(made: Sweep, experiment: Experiment) -> Sweep:
    """Write the experiment file of a sweep."""
    from recurra_lab.artifacts.atomic_files import write_text

    made.file.parent.mkdir(parents=True, exist_ok=True)
    write_text(made.file, experiment.to_toml())
    return made
