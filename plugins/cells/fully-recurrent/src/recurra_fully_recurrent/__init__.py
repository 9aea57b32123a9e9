"""The fully recurrent network as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Williams and Zipser 1989"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell."""
    summary = "units connected to each other and every input; connections may be absent or fixed"
    target = "recurra_fully_recurrent.cell:FullyRecurrent"
    return [Component("cell", "fully-recurrent", target, summary, PAPER)]
