"""Networks of any structure as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Stanley and Miikkulainen 2002"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell."""
    summary = "nodes with any connections among them, feed-forward or recurrent, whose structure can evolve"
    return [Component("cell", "neat-network", "recurra_neat_network.cell:NeatNetwork", summary, PAPER)]
