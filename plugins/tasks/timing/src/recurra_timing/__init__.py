"""Precise timing as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

PAPER = "Gers, Schraudolph and Schmidhuber 2002"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    tasks = {
        "msd": ("spikes:MSD", "measure the intervals of a stream of spikes"),
        "nmsd": ("spikes:NMSD", "measure one interval between two spikes, with a reset after it"),
        "gts": ("spikes:GTS", "generate spikes at intervals given by the input"),
        "pfg": ("waves:PFG", "generate a periodic function without input"),
    }
    return [
        Component("task", name, f"recurra_timing.{target}", summary, PAPER)
        for name, (target, summary) in tasks.items()
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
