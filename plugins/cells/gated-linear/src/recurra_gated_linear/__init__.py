"""Cells whose state enters a step linearly or unit by unit, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

CELLS = [
    (
        "min-gru",
        "minimal:MinGRU",
        "GRU whose gate and candidate depend on the input only",
        "Feng et al. 2024",
    ),
    ("min-lstm", "minimal:MinLSTM", "LSTM whose gates depend on the input only", "Feng et al. 2024"),
    ("qrnn", "qrnn:QRNN", "gates from a causal convolution; f, fo or ifo pooling", "Bradbury et al. 2016"),
    ("sru", "sru:SRU", "simple recurrent unit with a highway connection", "Lei et al. 2018"),
    ("hgrn", "hgrn:HGRN", "linear recurrence with a lower bound on its forget gate", "Qin et al. 2023"),
    ("ind-rnn", "ind_rnn:IndRNN", "each unit sees only itself of the previous step", "Li et al. 2018"),
]


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        Component("cell", name, f"recurra_gated_linear.{target}", summary, paper)
        for name, target, summary, paper in CELLS
    ]
