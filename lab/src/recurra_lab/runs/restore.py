"""Loads the trained model of a run from its folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from recurra.cell import InputKind, Network
from recurra.errors import IncompatibleParts, MissingFile, RecurraError
from recurra.rng import preserve_rng_state
from recurra.task import Batch, Predictor, Split, Task
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.artifacts.weights import load_weights
from recurra_lab.experiments import Experiment
from recurra_lab.exports.portable import EXPORT_AGAIN, SIZES, read_portable
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


def restore_portable(path: Path) -> tuple[Experiment, Task, Network]:
    """Return the experiment, the task and the network of an export as `safetensors` or `hub`.

    Components are those that are installed. A task that cannot read its data here is replaced by one without.

    Raises:
        MissingFile: There are no weights.
        DamagedFile: A file cannot be read, or does not fit the network.
        InvalidOption: A component is not installed, or has other options than when the network was exported.
    """
    stored = read_portable(path)
    experiment = Experiment.compose(options=stored.experiment)
    task = _task(experiment, stored.sizes)
    with preserve_rng_state():
        network = experiment.make_model(task).to(experiment.run.dtype)
    load_weights(network, stored.weights, EXPORT_AGAIN)
    return experiment, task, network


def _task(experiment: Experiment, sizes: Mapping[str, Any]) -> Task:
    try:
        task = experiment.make_task()
    except RecurraError as error:
        return _without_data(sizes, str(error))
    if any(getattr(task, name) != sizes.get(name) for name in SIZES):
        return _without_data(sizes, "its data differs from that of the training")
    return task


def _without_data(sizes: Mapping[str, Any], why: str) -> Task:
    message = f"the task cannot be built here: {why}; predictions are the outputs of the network"
    warnings.warn(message, stacklevel=5)
    return WithoutData(**{name: sizes[name] for name in SIZES})


class WithoutData(Task):
    """A task of which only the sizes of inputs and outputs are known."""

    def __init__(self, input_kind: InputKind, input_size: int, output_size: int) -> None:
        super().__init__(input_size, output_size)
        self.input_kind = input_kind

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> NoReturn:
        """Raise an error, since there is no data."""
        raise IncompatibleParts("the data of the task is not here; only predictions for x are available")

    def evaluate(self, network: Predictor, batch: Batch, state: Any = None) -> NoReturn:
        """Raise the same error as `batch`."""
        raise IncompatibleParts("the data of the task is not here; only predictions for x are available")
