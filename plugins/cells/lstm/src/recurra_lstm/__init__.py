"""The LSTM, as it is used today and as it was first published, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

ORIGINAL, FORGET = "Hochreiter and Schmidhuber 1997", "Gers, Schmidhuber and Cummins 2000"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    today = "LSTM with forget gate and optional peepholes"
    original = "the original LSTM: cells in blocks, no forget gate, truncated gradient"
    return [
        Component("cell", "lstm", "recurra_lstm.cell:LSTM", today, FORGET),
        Component("cell", "lstm-1997", "recurra_lstm.original:LSTM1997", original, ORIGINAL),
    ]
