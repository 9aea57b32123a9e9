"""Unsupervised history compression, level by level, as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "history-compression",
            "recurra_history_compression.trainer:HistoryCompression",
            "train predictive levels one after another without targets, then a readout on the task",
            "Schmidhuber 1992",
        )
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
