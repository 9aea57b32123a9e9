"""Reservoirs as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell."""
    summary = "leaky reservoir of fixed weights: random, ring, delay line, cyclic jumps or orthogonal"
    target = "recurra_reservoir.cell:LeakyEchoState"
    return [Component("cell", "leaky-echo-state", target, summary, "Jaeger et al. 2007")]
