"""Recursive least squares and FORCE learning as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainers."""
    return [
        Component(
            "trainer",
            "rls",
            "recurra_recursive_least_squares.trainers:RLS",
            "recursive least squares of a linear readout, online; all other weights stay fixed",
            "Plackett 1950; Jaeger 2003",
        ),
        Component(
            "trainer",
            "force",
            "recurra_recursive_least_squares.trainers:FORCE",
            "recursive least squares of a readout that is fed back while it learns",
            "Sussillo and Abbott 2009",
        ),
    ]
