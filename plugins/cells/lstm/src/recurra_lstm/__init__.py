"""The LSTM with forget gate as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Gers, Schmidhuber and Cummins 2000"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cell."""
    summary = "LSTM with forget gate, optional peepholes"
    return [Component("cell", "lstm", "recurra_lstm.cell:LSTM", summary, PAPER)]
