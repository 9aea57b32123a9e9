"""The user's own sequences as recurra tasks; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable

from recurra import Component, hookimpl

HERE = "recurra_own_data"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "sequence-classification",
            f"{HERE}.sequence_classification_task:SequenceClassification",
            "name the class of each sequence in your own file or data set",
        ),
        Component(
            "task",
            "sequence-regression",
            f"{HERE}.sequence_regression_task:SequenceRegression",
            "estimate numbers that belong to each sequence in your own file or data set",
        ),
        Component(
            "task",
            "tagging",
            f"{HERE}.tagging_task:Tagging",
            "name the class of every step of the sequences in your own file or data set",
        ),
    ]
