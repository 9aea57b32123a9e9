"""The neural history compressor as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Schmidhuber 1992"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the hierarchy, the two-net chunker, and a net for their levels."""
    home = "recurra_history_compressor"
    hierarchy = (
        "a hierarchy of predictors, each of which receives the inputs that the one below failed to predict"
    )
    chunker = "a history compressor of two networks, in which the lower learns to imitate the upper"
    net = "one layer of tanh units, as elman; the default network of each level"
    return [
        Component("cell", "history-compressor", f"{home}.cell:HistoryCompressor", hierarchy, PAPER),
        Component("cell", "automatizer-chunker", f"{home}.chunker:AutomatizerChunker", chunker, PAPER),
        Component("cell", "tanh-recurrent", f"{home}.net:TanhRecurrent", net),
    ]
