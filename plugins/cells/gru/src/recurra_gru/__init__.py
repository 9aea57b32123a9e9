"""The gated recurrent unit as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Cho et al. 2014"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell."""
    summary = "gated recurrent unit, reset before or after the product"
    return [Component("cell", "gru", "recurra_gru.cell:GRU", summary, PAPER)]
