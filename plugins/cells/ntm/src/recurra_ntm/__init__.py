"""The Neural Turing Machine as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Graves, Wayne and Danihelka 2014"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell, its memory and the feed-forward controller."""
    memory = "memory with content and location addressing"
    controller = "a stateless controller of one hidden layer"
    return [
        Component("cell", "ntm", "recurra_ntm.cell:NTM", "Neural Turing Machine", PAPER),
        Component("memory", "ntm", "recurra_ntm.memory:NTMMemory", memory, PAPER, default=True),
        Component("cell", "feed-forward", "recurra_ntm.feed_forward:FeedForward", controller),
    ]
