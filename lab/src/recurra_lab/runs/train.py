"""Training from Python, with the options of `recurra train`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra import RecurraError
from recurra_lab.artifacts.result import Outcome, RunResult, Scores
from recurra_lab.artifacts.run_folder import RunFolder, first_process
from recurra_lab.experiments import Experiment
from recurra_lab.reports.notebook import framed
from recurra_lab.runs.run import Run

RUN_VARIABLE = "RECURRA_RUN"
"""Passes the run folder from the first process of a run to the others."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run; wherever the path of a run is expected, it stands for its path.

    Args:
        path: Its folder.
        outcome: How it ended; None on ranks other than zero.
        scores: Suite variant -> score -> value; empty on ranks other than zero.
    """

    path: Path
    outcome: Outcome | None
    scores: Scores

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        """Return the report, which a notebook shows."""
        return framed(RunFolder(self.path).report)


def train(
    task: str, cell: str, /, *overrides: str, out: str | os.PathLike[str] = "runs", **options: Any
) -> FinishedRun:
    """Train a cell on a task, as `recurra train` does.

        run = train("copy", "ntm", seed=3, cell={"memory": {"slots": 64}}, run={"max_steps": 500})

    Args:
        task: The name of the task.
        cell: The name of the cell.
        overrides: Options as on the command line: `"cell.memory.slots=64"`.
        out: The folder of all runs.
        options: Options as nested dictionaries: `seed`, `task`, `cell`, `model`, `trainer` and `run`.

    Raises:
        InvalidOption: An option is unknown or has a wrong value.
        RunFailed: The run ended without a result.
    """
    experiment = Experiment.compose(task, cell, overrides=overrides, options=options)
    folder, result = start(experiment, Path(out), print)
    if result is None:
        return FinishedRun(folder.path, None, {})
    return FinishedRun(folder.path, result.outcome, result.scores)


def start(
    experiment: Experiment, out: Path, tell: Callable[[str], None], *, progress: bool = True
) -> tuple[RunFolder, RunResult | None]:
    """Run an experiment in a new folder below `out`; the result is None on ranks other than zero.

    The folder of a run that cannot be built is removed.
    """
    folder = _new_folder(out, experiment)
    try:
        run = Run(experiment, folder, tell, progress=progress)
    except RecurraError:
        folder.discard_unused()
        raise
    return folder, run.start()


def _new_folder(out: Path, experiment: Experiment) -> RunFolder:
    """Create the folder of a run in the first process, and return it in the others."""
    names = (experiment.task.name, experiment.cell.name, experiment.trainer.name)
    if first_process():
        folder = RunFolder.create(out, *(name.replace(":", "-") for name in names))
        os.environ[RUN_VARIABLE] = str(folder.path)
        return folder
    return RunFolder(Path(os.environ.get(RUN_VARIABLE, out)))
