"""The gated recurrent unit and three variants with reduced gates, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

FULL, REDUCED = "Cho et al. 2014", "Dey and Salem 2017"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    full = "gated recurrent unit, reset before or after the product"
    first, second, third = "the previous state and biases", "the previous state only", "biases only"
    return [
        Component("cell", "gru", "recurra_gru.cell:GRU", full, FULL, default=True),
        Component("cell", "gru1", "recurra_gru.reduced:GRU1", f"GRU whose gates depend on {first}", REDUCED),
        Component("cell", "gru2", "recurra_gru.reduced:GRU2", f"GRU whose gates depend on {second}", REDUCED),
        Component("cell", "gru3", "recurra_gru.reduced:GRU3", f"GRU whose gates depend on {third}", REDUCED),
    ]
