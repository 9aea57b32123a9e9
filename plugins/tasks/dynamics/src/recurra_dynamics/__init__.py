"""Tasks of neuroscience and dynamical systems as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

TASKS = {
    "flip-flop": (
        "flip_flop:FlipFlop",
        "remember the sign of the last pulse in each of three channels",
        "Sussillo and Barak 2013",
    ),
    "context-integration": (
        "context_integration:ContextIntegration",
        "integrate the noisy evidence of the channel that the context selects",
        "Mante et al. 2013",
    ),
    "lorenz": ("chaos:Lorenz", "predict the Lorenz system, one step ahead and running freely", "Lorenz 1963"),
    "rossler": (
        "chaos:Rossler",
        "predict the Rössler system, one step ahead and running freely",
        "Rössler 1976",
    ),
    "irregular-series": (
        "irregular_series:IrregularSeries",
        "predict oscillations at irregular times from the elapsed time",
        "",
    ),
}


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component("task", name, f"recurra_dynamics.{target}", summary, paper)
        for name, (target, summary, paper) in TASKS.items()
    ]
