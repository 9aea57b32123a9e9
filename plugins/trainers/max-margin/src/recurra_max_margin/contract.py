"""What the contract of this trainer is checked on; imported by the contract kit alone."""

from recurra_contract import Examples, MergingCell, ToyGraphTask
from recurra_max_margin.trainer import MaxMargin


def examples(trainer: MaxMargin) -> Examples:
    """Return a cell that finds trees, and a task that gives graphs."""
    return Examples(MergingCell, ToyGraphTask())
