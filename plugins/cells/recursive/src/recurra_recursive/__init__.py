"""Networks that read trees, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

FIRST, TENSOR = "Socher et al. 2011", "Socher et al. 2013"
LSTM = "Tai, Socher and Manning 2015"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    first = "recursive network: merges two nodes of a tree into one and can score the merge"
    tensor = "recursive neural tensor network: merges two nodes by a quadratic form"
    lstm = "LSTM on trees, child-sum or n-ary"
    return [
        Component("cell", "recursive", "recurra_recursive.recursive:RecursiveNetwork", first, FIRST),
        Component("cell", "rntn", "recurra_recursive.rntn:RNTN", tensor, TENSOR),
        Component("cell", "tree-lstm", "recurra_recursive.tree_lstm:TreeLSTM", lstm, LSTM),
    ]
