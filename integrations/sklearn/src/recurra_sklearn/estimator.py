"""What the estimators share: parameters, training and outputs for new sequences."""

from __future__ import annotations

import abc
import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from recurra import RecurraError
from recurra_lab import Experiment, Trained, evaluation_mode
from recurra_own_data.own_data import OwnData
from recurra_sklearn.held_out import divided
from recurra_sklearn.inputs import sequences_of
from recurra_sklearn.options import check_nested, in_words, merged
from recurra_sklearn.training import Columns, trained_in_folder, trained_in_memory

INPUT = "x"
"""The column of the sequences."""
LARGEST_BATCH = 256
"""Sequences to evaluate at once."""
LARGEST_SEED = 2**31 - 1
NEVER = 2**31 - 1
"""A number of updates or validations that no training reaches."""


class SequenceEstimator(BaseEstimator, abc.ABC):  # type: ignore[misc]
    """Base class of the estimators; X is a list of N arrays (T, I) of any lengths, or one array (N, T, I).

    Args:
        cell: The name of any installed cell that reads vectors; `recurra list cells` shows them.
        cell_options: Options of the cell, such as `{"hidden_size": 32}`; `recurra info CELL` shows them.
        learning_rate: The learning rate; None: that of the learning rule.
        batch_size: Sequences per update.
        max_updates: Number of updates.
        early_stopping: Whether to hold out a share of the sequences, stop when their score no longer
            improves, and keep the weights of the best validation.
        validation_fraction: The share to hold out.
        validate_every: Updates between validations.
        patience: Validations without improvement before stopping.
        options: Other options of an experiment, nested, which take precedence:
            `{"model": {"layers": 2}, "trainer": {"clip_norm": 1.0}, "task": {"longest": 200}}`.
        random_state: Seed of the weights, of the order of the sequences and of the draw of those held out.
        out: Folder in which to keep the run that `fit` makes, with its data; None: train in memory.
        verbose: Whether to show the progress.

    Attributes:
        n_features_in_: I, the number of variables.
        trained_: The network with the scales of X, as `recurra.load` returns it, without the data.
    """

    _task: ClassVar[type[OwnData]]
    _task_name: ClassVar[str]

    def __init__(
        self,
        cell: str = "lstm",
        *,
        cell_options: Mapping[str, Any] | None = None,
        learning_rate: float | None = None,
        batch_size: int = 16,
        max_updates: int = 500,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        validate_every: int = 50,
        patience: int = 10,
        options: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        out: str | os.PathLike[str] | None = None,
        verbose: bool = False,
    ) -> None:
        self.cell = cell
        self.cell_options = cell_options
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_updates = max_updates
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validate_every = validate_every
        self.patience = patience
        self.options = options
        self.random_state = random_state
        self.out = out
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    @abc.abstractmethod
    def fit(self, X: Any, y: Any) -> Self:
        """Train from the beginning; X: N sequences, y: N targets."""

    def _train(self, X: Sequence[Tensor], targets: Columns, labels: Sequence[Sequence[Hashable]]) -> Self:
        """Train on sequences and the columns of their targets; labels are what held-out parts keep even."""
        seed = self._seed()
        training = list(range(len(X)))
        # The task needs a validation split even if nothing reads it; a run in a folder scores it at its end.
        held = training if self.out is not None else training[:1]
        if self.early_stopping:
            training, held = divided(labels, self.validation_fraction, seed)
        columns = {INPUT: X, **targets}
        parts = [
            {name: [cells[row] for row in rows] for name, cells in columns.items()}
            for rows in (training, held)
        ]
        trained = self._trained(self._experiment(seed, tuple(targets), len(held)), *parts)
        self.n_features_in_ = X[0].shape[1]
        self.trained_ = Trained(trained.network, trained.task.without_data(), trained.experiment).eval()
        return self

    def _trained(self, experiment: Experiment, training: Columns, held_out: Columns) -> Any:
        tell = print if self.verbose else None
        try:
            if self.out is not None:
                return trained_in_folder(self.out, experiment, training, held_out, tell)
            return trained_in_memory(self._task, experiment, training, held_out, tell)
        except RecurraError as error:
            raise ValueError(in_words(error)) from error

    def _experiment(self, seed: int, targets: tuple[str, ...], held_out: int) -> Experiment:
        for name in ("cell_options", "options"):
            check_nested(name, getattr(self, name))
        ours = {
            "seed": seed,
            "task": {"input": [INPUT], "target": list(targets)},
            "cell": dict(self.cell_options or {}),
            "run": self._run_options(held_out),
        }
        if self.learning_rate is not None:
            ours["trainer"] = {"optimizer": {"lr": self.learning_rate}}
        try:
            return Experiment.compose(self._task_name, self.cell, options=merged(ours, self.options or {}))
        except RecurraError as error:
            raise ValueError(in_words(error)) from error

    def _run_options(self, held_out: int) -> dict[str, Any]:
        """Return the budget; only a lack of improvement ends training before it."""
        size = min(held_out, LARGEST_BATCH)
        return {
            "batch_size": self.batch_size,
            "max_steps": self.max_updates,
            "evaluation_batch_size": size,
            "validation_batches": -(-held_out // size),
            "validate_every": self.validate_every if self.early_stopping else NEVER,
            "stop_after": NEVER,
            "early_stop_patience": self.patience if self.early_stopping else None,
        }

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            check_random_state(self.random_state)
            return int(self.random_state)
        drawn: int = check_random_state(self.random_state).randint(LARGEST_SEED)
        return drawn

    @torch.no_grad()
    def _predictions(self, X: Any) -> list[Tensor]:
        """Return the predictions (T, O) for each sequence, in float64, as the task converts outputs."""
        check_is_fitted(self)
        sequences = sequences_of(X)
        self._check_width(sequences[0].shape[1])
        network, task = self.trained_, self.trained_.task
        assert isinstance(task, OwnData)
        with evaluation_mode(network):
            outputs = list(task.outputs(network, {INPUT: sequences}, LARGEST_BATCH))
        return [task.predict(y.double()) for y in outputs]

    def _check_width(self, width: int) -> None:
        if width != self.n_features_in_:
            message = f"X has {width} features, but {type(self).__name__} is expecting"
            raise ValueError(f"{message} {self.n_features_in_} features as input")
