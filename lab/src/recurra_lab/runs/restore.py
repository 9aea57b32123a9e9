"""Loads the trained model of a run from its folder."""

from __future__ import annotations

from safetensors import SafetensorError
from safetensors.torch import load_model

from recurra.cell import Network
from recurra.errors import DamagedFile, MissingFile
from recurra.task import Task
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build


def restore(folder: RunFolder) -> tuple[Experiment, Task, Network]:
    """Return the experiment, the task and the trained model of a run.

    Raises:
        MissingFile: The run has not finished, so it has no trained model yet.
        DamagedFile: The model file cannot be read, or does not match the model.
    """
    experiment = Experiment.from_toml(folder.experiment)
    if not folder.weights.is_file():
        raise MissingFile(
            f"{folder.path} has no {folder.weights.name} yet; `recurra resume {folder.path}` finishes it"
        )
    parts = build(experiment)
    try:
        load_model(parts.model, str(folder.weights))
    except (SafetensorError, RuntimeError) as error:
        raise DamagedFile(f"{folder.weights} cannot be loaded: {str(error).splitlines()[0]}") from None
    return experiment, parts.task, parts.model
