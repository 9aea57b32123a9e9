"""The end of a run: which model it keeps, its scores and its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from recurra.errors import DamagedFile, MissingFile
from recurra.task import Goal
from recurra_lab.artifacts.atomic_files import write_json
from recurra_lab.artifacts.checkpoint import path_of, read_checkpoint
from recurra_lab.artifacts.result import Outcome, RunResult
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import seal
from recurra_lab.artifacts.weights import save_weights
from recurra_lab.experiments import Experiment
from recurra_lab.reports import write_report
from recurra_lab.runs.build import Parts
from recurra_lab.training.evaluate import evaluate_suite
from recurra_lab.training.module import LearningModule


def load_best(
    module: LearningModule, folder: RunFolder, step: int | None, tell: Callable[[str], None]
) -> int:
    """Set the module to the checkpoint of the best validation, and return the step of its model.

    Args:
        module: The trained module.
        folder: The run folder.
        step: The step of the best validation; None keeps the module as it is.
        tell: Receives one line that says which model is kept.
    """
    last = int(module.batches_seen)
    if step in (None, last):
        return last
    try:
        checkpoint = read_checkpoint(path_of(folder.checkpoints, step))
    except (MissingFile, DamagedFile) as error:
        tell(f"warning: the model is that of step {last}, not of the best validation: {error}")
        return last
    module.load_state_dict(checkpoint.content["state_dict"])
    tell(f"the model is that of step {step}, which had the best validation")
    return step


def conclude(
    folder: RunFolder,
    experiment: Experiment,
    parts: Parts,
    goal: Goal,
    outcome: Outcome,
    check: Callable[[], None],
) -> RunResult:
    """Write the model, the outcome, the scores, their checksums and the report of a run, in this order.

    The model comes first, so that it is not lost if it cannot be evaluated. What `check` raises between two
    batches ends the evaluation.
    """
    model, task, seed = parts.module.evaluated_model, parts.task, experiment.seed
    save_weights(model, folder.weights)
    write_json(folder.outcome, asdict(outcome))
    size, batches = experiment.run.evaluation_batch_size, experiment.run.suite_batches
    scores = evaluate_suite(model, task, batches=batches, batch_size=size, seed=seed, before_batch=check)
    write_json(folder.scores, scores)
    seal(folder)
    result = RunResult(outcome, scores)
    write_report(folder, model, task, seed, goal, experiment.as_dict(), result)
    return result
