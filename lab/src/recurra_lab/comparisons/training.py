"""Trains what is compared: every cell on every task, over the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

from recurra_lab.artifacts.atomic_files import write_text
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.defaults import Defaults
from recurra_lab.experiments import Experiment
from recurra_lab.runs.seed_runs import run_seeds
from recurra_lab.time_left import Countdown


def train_all(
    tasks: Sequence[str],
    cells: Sequence[str],
    overrides: Sequence[str],
    *,
    seeds: int,
    root: Path,
    at_once: int = 1,
    tell: Callable[[str], None],
    defaults: Sequence[Defaults] = (),
) -> list[RunFolder]:
    """Return the finished runs of all pairs of task and cell; those that have finished before are reused.

    Args:
        tasks: Names of tasks.
        cells: Names of cells.
        overrides: `key=value` for all of them; the first seed is that of `seed`.
        seeds: The number of seeds of each pair.
        root: Parent folder.
        at_once: Number of parallel runs.
        tell: Receives a line when a run ends.
        defaults: Defaults of the user.

    Raises:
        InvalidOption: An option does not fit a pair. Nothing has been trained then.
        RunFailed: A run ended without a result.
    """
    made = [
        Experiment.compose(task, cell, overrides=overrides, defaults=defaults)
        for task, cell in product(tasks, cells)
    ]
    for experiment in made:
        experiment.make_model(experiment.make_task())
    told: dict[str, Callable[[str], None]] = {"tell": Countdown(tell, len(made) * seeds), "note": tell}
    return [folder for experiment in made for folder in _trained(experiment, seeds, root, at_once, told)]


def _trained(
    experiment: Experiment, seeds: int, root: Path, at_once: int, told: Mapping[str, Callable[[str], None]]
) -> list[RunFolder]:
    folder = root / experiment.config_hash()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "experiment.toml"
    write_text(file, experiment.to_toml())
    numbers = range(experiment.seed, experiment.seed + seeds)
    return run_seeds(file, numbers, folder, words=(), at_once=at_once, **told)
