"""The algorithmic tasks of the Neural Turing Machine paper as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "copy",
            "recurra_algorithmic.copy_task:Copy",
            "repeat a sequence of random bit vectors after it has ended",
            "Graves, Wayne and Danihelka 2014",
        )
    ]
