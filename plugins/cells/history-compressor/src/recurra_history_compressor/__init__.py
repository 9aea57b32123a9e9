"""The neural history compressor as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Schmidhuber 1992"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the hierarchy, the two-net chunker, and a net for their levels."""
    home = "recurra_history_compressor"
    hierarchy = "a hierarchy of predictors, each of which sees what surprised the one below"
    chunker = "a history compressor of two nets: the lower one takes over what the upper one finds out"
    net = "one layer of tanh units, as elman; what the levels are made of by default"
    return [
        Component("cell", "history-compressor", f"{home}.cell:HistoryCompressor", hierarchy, PAPER),
        Component("cell", "automatizer-chunker", f"{home}.chunker:AutomatizerChunker", chunker, PAPER),
        Component("cell", "tanh-recurrent", f"{home}.net:TanhRecurrent", net),
    ]
