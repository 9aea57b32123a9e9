"""Evolution as a recurra plugin."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the trainer."""
    summary = "evolution by CMA-ES, OpenAI-ES or NEAT, also for non-differentiable cells and environments"
    papers = "Stanley and Miikkulainen 2002; Hansen and Ostermeier 2001; Salimans et al. 2017"
    return [Component("trainer", "evolution", "recurra_evolution.trainer:Evolution", summary, papers)]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))
