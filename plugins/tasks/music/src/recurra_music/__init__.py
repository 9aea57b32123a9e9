"""Polyphonic music as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the task."""
    summary, paper = "predict which piano notes sound at the next step", "Boulanger-Lewandowski et al. 2012"
    return [Component("task", "piano-roll", "recurra_music.piano_roll_task:PianoRoll", summary, paper)]
