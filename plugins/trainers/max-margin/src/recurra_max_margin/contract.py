"""The example cell and task for the contract of this trainer; imported only by the contract kit."""

from recurra_contract import Examples, MergingCell, ToyGraphTask
from recurra_max_margin.trainer import MaxMargin


def examples(trainer: MaxMargin) -> Examples:
    """Return a cell that finds trees, and a task that provides graphs."""
    return Examples(MergingCell, ToyGraphTask())
