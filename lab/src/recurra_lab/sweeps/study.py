"""The study of a sweep: Optuna proposes trials, each an experiment run with several seeds."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GridSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from recurra.errors import InvalidOption
from recurra.task import Goal
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.errors import RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import goal_of
from recurra_lab.runs.seed_runs import run_seeds
from recurra_lab.sweeps.executors import Place
from recurra_lab.sweeps.space import Choices, Space
from recurra_lab.time_left import Countdown

WHY = "why"
"""Attribute with the error of a failed trial; an interrupted trial lacks it and is repeated."""


@dataclass(frozen=True)
class Sweep:
    """A sweep: the experiment, the search space and the seeds.

    Args:
        file: The experiment file, with the options that are fixed in all trials.
        space: The search space.
        seeds: Seeds of each trial.
        trials: Number of trials; None for every combination, if all options are choices.
        folder: Folder of the study and its runs.
    """

    file: Path
    space: Space
    seeds: Sequence[int]
    trials: int | None
    folder: Path

    @property
    def everything(self) -> bool:
        """Whether the sweep is a full grid."""
        return self.trials is None

    def count(self) -> int:
        """Return the number of trials.

        Raises:
            InvalidOption: It is unknown, because an option is a range.
        """
        if self.trials is not None:
            return self.trials
        ranges = [key for key, varied in self.space.items() if not isinstance(varied, Choices)]
        if ranges:
            raise InvalidOption(f"set the number of --trials, because {ranges[0]} is a range")
        return prod(len(varied.ends()) for varied in self.space.values())

    def check(self) -> Goal:
        """Validate every value of the search space and return the goal of the experiment.

        Raises:
            InvalidOption: A value is invalid; the message has one line per error.
        """
        experiment = Experiment.from_toml(self.file)
        for key, varied in self.space.items():
            for end in varied.ends():
                Experiment.compose(file=self.file, overrides=[f"{key}={end}"])
        return goal_of(experiment, experiment.make_task())


def study_of(sweep: Sweep) -> optuna.Study:
    """Create or load the study of a sweep; it is stored in the folder of the sweep."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of a failed trial with a traceback
    goal = sweep.check()
    sweep.folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(sweep.folder / "study.log"))),
        study_name="sweep",
        direction="maximize" if goal.above is not None else "minimize",
        load_if_exists=True,
    )
    _take_up_again(study)
    study.sampler = _sampler(sweep)  # not before: that of a grid stops the study when its last trial is told
    return study


def _take_up_again(study: optuna.Study) -> None:
    """Enqueue interrupted trials before the ones that Optuna will propose."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials()
    again = [trial.system_attrs.get("fixed_params") for trial in trials]
    for trial in trials:
        if trial.state == TrialState.FAIL and WHY not in trial.user_attrs and trial.params not in again:
            study.enqueue_trial(trial.params)


def _sampler(sweep: Sweep) -> BaseSampler:
    if sweep.everything:
        sweep.count()
        return GridSampler({key: list(varied.ends()) for key, varied in sweep.space.items()}, seed=0)
    return TPESampler(seed=sweep.seeds[0])


def run(sweep: Sweep, study: optuna.Study, place: Place, at_once: int, tell: Callable[[str], None]) -> None:
    """Execute the remaining trials; interrupted runs are resumed."""
    tell = Countdown(tell, _left(sweep, study))

    def objective(trial: optuna.Trial) -> float:
        words = words_of({key: varied.chosen(trial, key) for key, varied in sweep.space.items()})
        try:
            values = place(values_of, sweep.file, sweep.seeds, trial_folder(sweep.folder, words), words)
        except RunFailed as error:
            trial.set_user_attr(WHY, str(error))
            tell(f"trial {trial.number} failed: {error}")
            raise
        trial.set_user_attr("values", values)
        tell(f"trial {trial.number}: {' '.join(words)} -> {statistics.fmean(values):.5g}")
        return statistics.fmean(values)

    # A grid stops its study once every point was begun, though interrupted trials may be left.
    while (left := _left(sweep, study)) > 0:
        study.optimize(objective, n_trials=left, n_jobs=at_once, catch=(RunFailed,))


def _left(sweep: Sweep, study: optuna.Study) -> int:
    return sweep.count() - sum(_is_over(trial) for trial in study.get_trials(deepcopy=False))


def _is_over(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE or WHY in trial.user_attrs


def check_success(study: optuna.Study) -> None:
    """Check that a sweep has a result.

    Raises:
        RunFailed: Every trial failed.
    """
    failed = [trial for trial in study.get_trials(deepcopy=False) if WHY in trial.user_attrs]
    if failed and not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise RunFailed(f"every trial failed ({len(failed)}); the first because {failed[0].user_attrs[WHY]}")


def words_of(chosen: Mapping[str, Any]) -> list[str]:
    """Return options as overrides of the command line."""
    return [f"{key}={value if isinstance(value, str) else repr(value)}" for key, value in chosen.items()]


def trial_folder(folder: Path, words: Sequence[str]) -> Path:
    """Return the folder of a trial, named by a hash of its options, so a repeated trial finds its runs."""
    digest = hashlib.blake2b(json.dumps(sorted(words)).encode(), digest_size=4).hexdigest()
    return folder / f"trial-{digest}"


def values_of(file: Path, seeds: Sequence[int], folder: Path, words: Sequence[str]) -> list[float]:
    """Return the last value of the goal's score for each seed, of the data by which the run may stop.

    Raises:
        RunFailed: A run failed.
    """
    runs = run_seeds(file, seeds, folder, words=words, at_once=1, tell=lambda line: None)
    score = goal_of(known := Experiment.from_toml(runs[0].experiment), known.make_task()).score
    part = "train" if known.run.stop_by == "training" else "validation"
    return [_last(run, f"{part}/{score}") for run in runs]


def _last(run: RunFolder, name: str) -> float:
    values = [value for _, metric, value in read_metrics(run.metrics) if metric == name]
    if not values:
        raise RunFailed(f"{run.path} was never validated; set run.validate_every to at most run.max_steps")
    return values[-1]
