"""Builds the components of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from recurra.cell import Network
from recurra.errors import InvalidOption, nearest
from recurra.rng import preserve_rng_state
from recurra.task import Goal, Task
from recurra.trainer import Trainer
from recurra_lab.experiments import Experiment
from recurra_lab.runs.memory import Bounded, check_batches, memory_errors_named
from recurra_lab.training.module import LearningModule
from recurra_lab.training.seeding import reseed


@dataclass(frozen=True)
class Parts:
    """The built components of an experiment."""

    task: Task
    model: Network
    trainer: Trainer
    module: LearningModule


def build(experiment: Experiment, task: Task | None = None) -> Parts:
    """Build the task, the model and the learning module; the initial weights depend only on the seed.

    A task that is given takes the place of the experiment's.

    The number of threads and the random state of the process are not changed.
    """
    with threads(experiment.run.threads), preserve_rng_state():
        reseed(experiment.seed, -1, 0)
        with memory_errors_named(experiment, "task", "cell", "model", "trainer"), Bounded():
            return _built(experiment, task)


def _built(experiment: Experiment, task: Task | None) -> Parts:
    task = task or experiment.make_task()
    check_batches(experiment, task)
    model, trainer = experiment.make_model(task), experiment.make_trainer()
    with preserve_rng_state():
        model.sequencer.initial_state(experiment.run.batch_size)
    return Parts(task, model, trainer, trainer.lightning_module(model, task, experiment.seed))


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Set the number of CPU threads within the context; None keeps it unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def goal_of(experiment: Experiment, task: Task) -> Goal:
    """Return the goal of a run: the task's, unless the experiment overrides it.

    Raises:
        InvalidOption: The task has no such score.
    """
    run = experiment.run
    if run.stop_score is not None:
        _check_score(run.stop_score, task)
    if run.stop_below is None and run.stop_above is None:
        if run.stop_score in (None, task.goal.score):
            return task.goal
        message = "it also needs run.stop_below or run.stop_above, which says whether less or more is better"
        raise InvalidOption(f"run.stop_score = {run.stop_score}: {message}")
    return Goal(run.stop_score or task.goal.score, run.stop_below, run.stop_above)


def _check_score(name: str, task: Task) -> None:
    batch = task.batch(0, batch_size=1, seed=0, split="validation")
    known = task.evaluate(
        lambda x, state, lengths: (x.new_zeros(*x.shape[:2], task.output_size), state), batch
    ).scores
    if name not in known:
        message = f"run.stop_score: {type(task).__name__} has no score '{name}'"
        raise InvalidOption(message + (nearest(name, known) or f"; it has {', '.join(known)}"))
