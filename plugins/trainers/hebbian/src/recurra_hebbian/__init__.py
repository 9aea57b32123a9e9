"""Readouts in one shot as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "hebbian",
            "recurra_hebbian.trainer:Hebbian",
            "a linear readout in one shot, by Hebb's rule or ridge regression; all other weights stay fixed",
            "Smolensky 1990; Jaeger 2001",
        )
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
