"""The Evolving Neural Turing Machine, its network and its memory as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Greve, Jacobsen and Risi 2016"
NEAT = "Stanley and Miikkulainen 2002"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return both cells and the memory."""
    tape = "a tape that grows, with one head that writes, jumps, shifts and reads; for evolution"
    machine = "a network whose structure evolves puts out the answer and moves the head of a tape"
    network = "nodes with any connections among them, feed-forward or recurrent, whose structure can evolve"
    return [
        Component("memory", "evolving-ntm", "recurra_evolving_ntm.memory:EvolvingNTMMemory", tape, PAPER),
        Component("cell", "evolving-ntm", "recurra_evolving_ntm.machine:EvolvingNTM", machine, PAPER),
        Component("cell", "neat-network", "recurra_evolving_ntm.network:NeatNetwork", network, NEAT),
    ]
