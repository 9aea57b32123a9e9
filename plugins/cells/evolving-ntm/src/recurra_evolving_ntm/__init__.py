"""The memory of the Evolving Neural Turing Machine as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Greve, Jacobsen and Risi 2016"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the memory."""
    summary = "a tape that grows, with one head that writes, jumps, shifts and reads; for evolution"
    target = "recurra_evolving_ntm.memory:EvolvingNTMMemory"
    return [Component("memory", "evolving-ntm", target, summary, PAPER)]
