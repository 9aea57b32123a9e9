"""The Evolving Neural Turing Machine and its memory as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Greve, Jacobsen and Risi 2016"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell and the memory."""
    tape = "a tape that grows, with one head that writes, jumps, shifts and reads; for evolution"
    machine = "a network whose structure evolves puts out the answer and moves the head of a tape"
    memory, cell = "recurra_evolving_ntm.memory:EvolvingNTMMemory", "recurra_evolving_ntm.machine:EvolvingNTM"
    return [
        Component("memory", "evolving-ntm", memory, tape, PAPER),
        Component("cell", "evolving-ntm", cell, machine, PAPER),
    ]
