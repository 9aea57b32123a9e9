"""Max-margin structure prediction as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "max-margin",
            "recurra_max_margin.trainer:MaxMargin",
            "structured max-margin learning of trees, with labels at the nodes",
            "Socher, Lin, Ng and Manning 2011",
        )
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
