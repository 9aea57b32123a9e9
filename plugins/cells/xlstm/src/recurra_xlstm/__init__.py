"""The cells of the xLSTM as a recurra plugin."""

from recurra import Component, hookimpl

PAPER = "Beck et al. 2024"


@hookimpl
def recurra_components() -> list[Component]:
    """Return the cells."""
    scalar = "LSTM with exponential gates, a normaliser and recurrent weights within heads"
    matrix = "a matrix of keys and values with exponential gates for each head"
    return [
        Component("cell", "slstm", "recurra_xlstm.slstm:SLSTM", scalar, PAPER),
        Component("cell", "mlstm", "recurra_xlstm.mlstm:MLSTM", matrix, PAPER),
    ]
