"""Random weight guessing as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "guessing",
            "recurra_guessing.trainer:Guessing",
            "random search: draw all weights at random until a network solves the task",
            "Hochreiter and Schmidhuber 1996",
        )
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
