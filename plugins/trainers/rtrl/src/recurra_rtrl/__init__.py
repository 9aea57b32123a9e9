"""Real-time recurrent learning as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    return [
        Component(
            "trainer",
            "rtrl",
            "recurra_rtrl.trainer:RTRL",
            "real-time recurrent learning: carries the gradient forward, exactly or approximately",
            "Williams and Zipser 1989; Tallec and Ollivier 2017; Bellec et al. 2020; Menick et al. 2021",
        )
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
