"""The trained network of a run, back in Python as a module with its task."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import IncompatibleParts, InvalidInput, Network, SupervisedTask, Task, detach
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.experiments import Experiment
from recurra_lab.exports.portable import is_portable
from recurra_lab.reports.notebook import table
from recurra_lab.runs.record import PREDICTIONS, warnings_of_data
from recurra_lab.runs.restore import restore, restore_portable
from recurra_lab.training.evaluate import as_input, evaluation_mode
from recurra_lab.training.predictions import Predictions, predictions_of
from recurra_wrappers import Bidirectional


def load(run: str | os.PathLike[str]) -> Trained:
    """Return the trained network of a run, in evaluation mode and on the CPU.

    Warns if a data file has changed since training, since a task learns its classes and scales from it.

    Args:
        run: The folder of a finished run, or what `recurra export` wrote of it as `hub` or `safetensors`.
            Nothing in it is run as code; the components are those that are installed.

    Raises:
        MissingFile: There is no such run, or it has not finished.
        DamagedFile: The weights cannot be read, or do not match the network.
    """
    if is_portable(Path(run)):
        experiment, task, network = restore_portable(Path(run))
        return Trained(network, task, experiment).eval()
    folder = RunFolder.open(Path(run))
    trained = loaded(folder)
    for line in warnings_of_data(folder, trained.experiment, PREDICTIONS):
        warnings.warn(line, stacklevel=2)
    return trained


def loaded(folder: RunFolder) -> Trained:
    """Return the trained network of a run, as `load` does, without a look at whether its data has changed."""
    experiment, task, network = restore(folder)
    return Trained(network, task, experiment).eval()


class Trained(nn.Module):
    """A trained network with the task it has learned.

    Called as a module it is the network: x (B, T, I), or tokens (B, T), -> y (B, T, O) and the final state,
    with gradients. `predict` and `stream` convert outputs to predictions of the target and keep no gradients.

    Attributes:
        network: The network, whose `state_dict` is that of the run's `model.safetensors`.
        task: The task.
        experiment: The experiment of the run, with all options.
    """

    def __init__(self, network: Network, task: Task, experiment: Experiment) -> None:
        super().__init__()
        self.network, self.task, self.experiment = network, task, experiment

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch, converted to the device and precision of the network.

        See `recurra.SequenceLayer.forward`.
        """
        y, state = self.network(as_input(x, self._weights), state, lengths=lengths)
        return y, state

    @torch.no_grad()
    def predict(self, x: Tensor, *, lengths: Tensor | None = None) -> Tensor:
        """Return predictions of the target for x as the task provides it: probabilities, classes or values.

        x (B, T, I) or tokens (B, T), on any device, -> (B, T, ...), on the device of the network.
        """
        with evaluation_mode(self):
            y, _ = self(x, lengths=lengths)
        return self._as_prediction(y)

    def stream(self, batch_size: int = 1) -> Stream:
        """Return the network as a function of one step at a time, which keeps its state.

        Raises:
            IncompatibleParts: A part of the network reads sequences from their end.
        """
        if any(isinstance(part, Bidirectional) for part in self.network.modules()):
            raise IncompatibleParts("a bidirectional network reads whole sequences and cannot stream")
        return Stream(self, batch_size)

    def rows(self, **options: Any) -> list[Mapping[str, Any]]:
        """Return what `recurra predict` writes, column -> value: forecasts, labels, or continued text.

        Args:
            options: Those of the task's predictions, such as `input`, a file.

        Raises:
            IncompatibleParts: The task offers none; use `predict`.
            InvalidOption: An option is unknown or has a wrong value.
        """
        return self.rows_of(predictions_of(self.task, options))

    @torch.no_grad()
    def rows_of(self, predictions: Predictions) -> list[Mapping[str, Any]]:
        """Return the rows of predictions that were made with this run's task."""
        with evaluation_mode(self):
            return list(predictions.rows(self))

    def _repr_html_(self) -> str:
        """Return what the network is, which a notebook shows."""
        chosen = self.experiment
        facts = {
            "task": chosen.task.name,
            "cell": chosen.cell.name,
            "trainer": chosen.trainer.name,
            "parameters": f"{sum(weights.numel() for weights in self.network.parameters()):,}",
            "input": f"{self.task.input_kind}, {self.task.input_size:,}",
            "output": f"{self.task.output_size:,}",
        }
        return table(facts)

    @property
    def _weights(self) -> Tensor:
        return next(self.network.parameters())

    def _as_prediction(self, y: Tensor) -> Tensor:
        return self.task.predict(y) if isinstance(self.task, SupervisedTask) else y


class Stream:
    """A trained network that reads one step at a time: x (B, I), or tokens (B,), -> a prediction (B, ...).

    Attributes:
        state: The state after the last step; None before the first.
    """

    def __init__(self, trained: Trained, batch_size: int) -> None:
        self.trained, self.batch_size, self.state = trained, batch_size, None

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Advance by one step.

        Raises:
            InvalidInput: x is not one step of `batch_size` sequences.
        """
        if x.shape[:1] != (self.batch_size,):
            got = tuple(x.shape)
            raise InvalidInput(f"stream: x must be one step of {self.batch_size} sequences, got shape {got}")
        trained = self.trained
        with evaluation_mode(trained):
            y, state = trained(x[:, None], self.state)
        self.state = detach(state)
        return trained._as_prediction(y)[:, 0]

    def reset(self) -> None:
        """Start a new sequence."""
        self.state = None
