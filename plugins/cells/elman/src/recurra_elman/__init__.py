"""The simple recurrent networks of Elman and Jordan as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return both cells."""
    elman = "hidden units that see what they did one step before"
    jordan = "hidden units that see a trace of what the network put out"
    return [
        Component("cell", "elman", "recurra_elman.elman:Elman", elman, "Elman 1990"),
        Component("cell", "jordan", "recurra_elman.jordan:Jordan", jordan, "Jordan 1986"),
    ]
