"""The Evolving Neural Turing Machine, its network and its memory as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Greve, Jacobsen and Risi 2016"
NEAT = "Stanley and Miikkulainen 2002"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return both cells and the memory."""
    tape = "a growing tape with one head that writes, jumps, shifts and reads; for evolution"
    machine = "an evolvable network that outputs the answer and moves the head of a tape"
    network = "a network of arbitrary topology, feed-forward or recurrent, that NEAT can evolve"
    return [
        Component("memory", "evolving-ntm", "recurra_evolving_ntm.memory:EvolvingNTMMemory", tape, PAPER),
        Component("cell", "evolving-ntm", "recurra_evolving_ntm.machine:EvolvingNTM", machine, PAPER),
        Component("cell", "neat-network", "recurra_evolving_ntm.network:NeatNetwork", network, NEAT),
    ]
