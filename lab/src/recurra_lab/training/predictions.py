"""What a task offers to turn a user's data into predictions that a file can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from recurra import IncompatibleParts, Task
from recurra.task import Predictor


class Predictions(Protocol):
    """Predictions as rows of a table, made by a `Configurable` with the task and options."""

    def rows(self, network: Predictor) -> Iterator[Mapping[str, Any]]:
        """Yield column -> value: numbers, text, dates or None."""
        ...


@runtime_checkable
class Predicts(Protocol):
    """A task with predictions for data of the user.

    Attributes:
        predictions: The class of its predictions, a `Configurable`: `predictions(task, *, input=None, ...)`.
            Its keyword-only arguments are the options of `recurra predict`; `input` is the user's file.
    """

    predictions: type[Any]


@runtime_checkable
class ScoresPredictions(Protocol):
    """Predictions that are compared, as a whole, with what is known."""

    def scores(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Return score -> value of the rows that were made; empty if nothing is known."""
        ...


def options_class(task: Task) -> type[Any]:
    """Return the class of a task's predictions.

    Raises:
        IncompatibleParts: The task offers none.
    """
    if not isinstance(task, Predicts):
        message = f"task '{type(task).__name__}' does not say how to read a user's file"
        raise IncompatibleParts(f"{message}; use recurra.load(RUN).predict(x) in Python")
    return task.predictions


def predictions_of(task: Task, options: Mapping[str, Any]) -> Predictions:
    """Return a task's predictions with these options.

    Raises:
        IncompatibleParts: The task offers none.
        InvalidOption: An option is unknown or has a wrong value.
    """
    made: Predictions = options_class(task)(task, **options)
    return made
