"""Small runs, each in a folder of its own."""

import pytest

from recurra_lab import Experiment
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.runs.run import Run

SMALL = [
    "cell.hidden_size=4",
    "run.batch_size=4",
    "run.max_steps=6",
    "run.validate_every=2",
    "run.checkpoint_every=2",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.evaluation_batch_size=4",
    "run.progress=false",
]
COPY = ["task.max_length=2"]


@pytest.fixture
def compose():
    """Return what composes a small experiment."""

    def compose(*overrides, task="copy", cell="lstm"):
        own = COPY if task == "copy" else []
        return Experiment.compose(task, cell, overrides=[*SMALL, *own, *overrides])

    return compose


@pytest.fixture
def start(tmp_path, compose):
    """Return what prepares a small run: its folder, the run and what it tells."""

    def start(*overrides, task="copy", cell="lstm"):
        folder = RunFolder.create(tmp_path / "runs", task, cell, "bptt")
        said = []
        return folder, Run(compose(*overrides, task=task, cell=cell), folder, said.append), said

    return start
