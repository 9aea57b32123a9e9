"""Loads the trained model of a run from its folder."""

from __future__ import annotations

from recurra.cell import Network
from recurra.errors import MissingFile
from recurra.task import Task
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.artifacts.weights import load_weights
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build
from recurra_lab.runs.record import recorded_experiment


def restore(folder: RunFolder) -> tuple[Experiment, Task, Network]:
    """Return the experiment, the task and the trained model of a run, in the precision of the run.

    Raises:
        MissingFile: The run has not finished, so it has no trained model yet.
        DamagedFile: The model file cannot be read or does not match the model, or one of these has
            changed.
    """
    check_seal(folder, [folder.experiment, folder.weights])
    experiment = recorded_experiment(folder)
    if not folder.weights.is_file():
        raise MissingFile(
            f"{folder.path} has no {folder.weights.name} yet; `recurra resume {folder.path}` finishes it"
        )
    parts = build(experiment)
    model = parts.model.to(experiment.run.dtype)
    load_weights(model, folder.weights)
    return experiment, parts.task, model
