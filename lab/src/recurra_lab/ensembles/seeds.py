"""One experiment over several seeds: as one program where that is possible, else one run after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path

from recurra.errors import InvalidOption, RecurraError
from recurra_lab.artifacts.checkpoint import Checkpoint
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.ensembles.run import CannotStack, Ended, train_together
from recurra_lab.errors import RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.runs.record import record, recorded_experiment
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted, SignalFlag

Tell = Callable[[str], None]


def start_seeds(experiment: Experiment, out: Path, tell: Tell, *, progress: bool = True) -> list[RunFolder]:
    """Run an experiment for each of its `run.seeds`, in folders below one new folder; return the folders.

    Raises:
        InvalidOption: An option is wrong, or the runs would need several processes.
        RunFailed: Some runs ended without a result; the others are complete.
    """
    if experiment.run.devices * experiment.run.nodes > 1:
        message = f"run.seeds = {experiment.run.seeds} trains in one process"
        raise InvalidOption(f"{message}; expected run.devices=1 and run.nodes=1")
    each = experiment.of_each_seed()
    folders = RunFolder.create_each(out, *experiment.folder_names, [one.seed for one in each])
    with _discarded_if_refused(folders):
        train_new(each, folders, tell, progress=progress)
    return folders


def runs_of_seeds(group: Path) -> list[RunFolder]:
    """Return the runs in the folder that `start_seeds` made for them; none if it is another folder."""
    if RunFolder(group).experiment.exists():
        return []
    return [RunFolder(file.parent) for file in sorted(group.glob("*-seed-*/experiment.toml"))]


def train_new(
    experiments: Sequence[Experiment], folders: Sequence[RunFolder], tell: Tell, *, progress: bool = True
) -> None:
    """Train experiments that differ in their seed, in new folders; raises the errors of `start_seeds`."""
    runs = _new(experiments, folders, tell, progress)
    with _resumable(folders):
        _check(_train(runs, [], tell))


def train_new_together(
    experiments: Sequence[Experiment], folders: Sequence[RunFolder], tell: Tell
) -> str | None:
    """Do as `train_new`, as one program only; if that cannot be, remove the folders and return the reason."""
    with _discarded_if_refused(folders):
        runs = _new(experiments, folders, tell, progress=False)
        try:
            _check(_together(runs, []))
        except CannotStack as reason:
            _discard_unused(folders)
            return str(reason)
    return None


def _new(
    experiments: Sequence[Experiment], folders: Sequence[RunFolder], tell: Tell, progress: bool
) -> list[Run]:
    pairs = list(zip(experiments, folders, strict=True))
    runs = [Run(one, folder, _named(one, tell), progress=progress) for one, folder in pairs]
    for run in runs:
        record(run.folder, run.experiment)
    return runs


def resume_seeds(folders: Sequence[RunFolder], overrides: Sequence[str], tell: Tell) -> None:
    """Resume those of several runs that have not finished; raises the errors of `start_seeds`.

    Runs that were saved at the same step go on as one program. With overrides, all go on one after another.
    """
    runs = []
    for folder in folders:
        if overrides or not folder.is_finished:
            experiment = recorded_experiment(folder, overrides)
            runs.append(Run(experiment, folder, _named(experiment, tell)))
    with _resumable(folders):
        if overrides:
            _check(_one_by_one(runs, overrides))
        else:
            _check([ended for some, at in _by_step(runs) for ended in _train(some, at, tell)])


def _by_step(runs: Sequence[Run]) -> list[tuple[list[Run], list[Checkpoint]]]:
    """Return runs with their checkpoints, in groups of one step; those that have no checkpoint come first."""
    found: list[tuple[Run, Checkpoint | None]] = []
    for run in runs:
        with run.folder.locked():
            found.append((run, run.reopened()))
    found.sort(key=_position)
    groups = [list(group) for _, group in groupby(found, _position)]
    return [([run for run, _ in group], [at for _, at in group if at is not None]) for group in groups]


def _position(known: tuple[Run, Checkpoint | None]) -> tuple[bool, int]:
    """Return what runs that can go on together have in common: whether they have ended, and the step."""
    run, checkpoint = known
    if checkpoint is None:
        return False, 0
    with SignalFlag() as flag:
        return run.finished(checkpoint, run.validation(flag)), checkpoint.step


def _train(runs: Sequence[Run], checkpoints: Sequence[Checkpoint], tell: Tell) -> list[Ended]:
    if len(runs) == 1 or (checkpoints and _position((runs[0], checkpoints[0]))[0]):
        return _one_by_one(runs, ())
    try:
        return _together(runs, checkpoints)
    except CannotStack as reason:
        tell(f"the runs are trained one after another: {reason}")
        return _one_by_one(runs, ())


def _together(runs: Sequence[Run], checkpoints: Sequence[Checkpoint]) -> list[Ended]:
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(run.folder.locked())
            run.tell(f"run folder: {run.folder.path}")
        return train_together(runs, checkpoints)


def _one_by_one(runs: Sequence[Run], overrides: Sequence[str]) -> list[Ended]:
    """Start or resume runs; an error other than an interruption does not keep the others from running."""
    ended: list[Ended] = []
    for run in runs:
        error = None
        try:
            run.resume(overrides) if run.folder.has_work or overrides else run.start()
        except Interrupted:
            raise
        except RunFailed as failure:
            error = failure
        ended.append((run, error))
    return ended


def _check(ended: Sequence[Ended]) -> None:
    failed = [f"seed {run.experiment.seed}: {error}" for run, error in ended if error is not None]
    if failed:
        raise RunFailed(f"{len(failed)} of {len(ended)} runs failed; " + "; ".join(failed))


def _named(experiment: Experiment, tell: Tell) -> Tell:
    return lambda line: tell(f"seed {experiment.seed}: {line}")


@contextmanager
def _discarded_if_refused(folders: Sequence[RunFolder]) -> Iterator[None]:
    """Remove the folders of runs that an error of the user prevents from starting."""
    try:
        yield
    except RecurraError as error:
        if error.exit_code == RecurraError.exit_code:
            _discard_unused(folders)
        raise


def _discard_unused(folders: Sequence[RunFolder]) -> None:
    for folder in folders:
        folder.discard_unused()


@contextmanager
def _resumable(folders: Sequence[RunFolder]) -> Iterator[None]:
    """Say how to resume all runs of a folder when a signal interrupts them."""
    try:
        yield
    except Interrupted as error:
        command = f"recurra resume {folders[0].path.parent}"
        error.args = (f"{str(error).split('; resume with')[0]}; resume with: {command}",)
        raise
