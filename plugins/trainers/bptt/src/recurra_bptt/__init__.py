"""Back-propagation through time as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "bptt",
            "recurra_bptt.trainer:BPTT",
            "back-propagation through time, full or truncated, with any optimizer",
            "Werbos 1990",
            default=True,
        )
    ]
