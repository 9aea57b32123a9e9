"""Continuous-time recurrent networks as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        Component(
            "cell",
            "ctrnn",
            "recurra_continuous.ctrnn:CTRNN",
            "leaky units in continuous time; Dale's law, low rank and sparse connections as options",
            "Funahashi and Nakamura 1993",
        ),
        Component(
            "cell",
            "ltc",
            "recurra_continuous.ltc:LTC",
            "liquid time constants: synapses that change how fast a unit reacts",
            "Hasani et al. 2021",
        ),
        Component(
            "cell",
            "cfc",
            "recurra_continuous.cfc:CfC",
            "closed-form continuous time: an explicit function of the elapsed time instead of a solver",
            "Hasani et al. 2022",
        ),
        Component(
            "cell",
            "co-rnn",
            "recurra_continuous.co_rnn:CoRNN",
            "coupled, damped and driven oscillators",
            "Rusch and Mishra 2021",
        ),
        Component(
            "cell",
            "lem",
            "recurra_continuous.lem:LEM",
            "long expressive memory: two coupled states whose step sizes are learned",
            "Rusch et al. 2022",
        ),
    ]
