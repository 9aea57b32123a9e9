"""Cells whose state enters a step linearly or unit by unit, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

MINIMAL = "Feng et al. 2024"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        _cell("min-gru", "minimal:MinGRU", "GRU whose gate and candidate depend on the input only", MINIMAL),
        _cell("min-lstm", "minimal:MinLSTM", "LSTM whose gates depend on the input only", MINIMAL),
        _cell("qrnn", "qrnn:QRNN", "gates from a causal convolution; f, fo or ifo pooling", "Bradbury et al. 2016"),
        _cell("sru", "sru:SRU", "simple recurrent unit with a highway connection", "Lei et al. 2018"),
        _cell("hgrn", "hgrn:HGRN", "linear recurrence with a lower bound on its forget gate", "Qin et al. 2023"),
        _cell("ind-rnn", "ind_rnn:IndRNN", "each unit sees only itself of the previous step", "Li et al. 2018"),
    ]


def _cell(name: str, target: str, summary: str, paper: str) -> Component:
    return Component("cell", name, f"recurra_gated_linear.{target}", summary, paper)
