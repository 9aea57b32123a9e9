"""The simple recurrent networks of Elman and Jordan as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return both cells."""
    elman = "hidden units with a copy of their previous activations as context"
    jordan = "hidden units with a decaying sum of the network's outputs as context"
    return [
        Component("cell", "elman", "recurra_elman.elman:Elman", elman, "Elman 1990"),
        Component("cell", "jordan", "recurra_elman.jordan:Jordan", jordan, "Jordan 1986"),
    ]
