"""The trained model of a run: written to its folder, and brought back from there."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_model, save
from torch import Tensor, nn

from recurra.cell import Network
from recurra.errors import DamagedFile, MissingFile
from recurra.task import Task
from recurra_lab.artifacts.atomic_files import durable
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and buffers of a model durably; one that has several names is written once."""
    once = {_place(tensor): (name, tensor) for name, tensor in reversed(model.state_dict().items())}
    content = save({name: tensor.contiguous() for name, tensor in once.values()})
    with durable(path) as file:
        file.write(content)


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return where in memory a tensor is, which two names of one tensor have in common."""
    if not tensor.numel():
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()


def restore(folder: RunFolder) -> tuple[Experiment, Task, Network]:
    """Return the experiment, the task and the trained model of a run.

    Raises:
        MissingFile: The run has not ended, so it has no trained model yet.
        DamagedFile: The model's file cannot be read, or holds another model's weights.
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
