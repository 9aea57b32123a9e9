"""What the contract of this trainer is checked on; imported by the contract kit alone."""

from recurra_contract import Examples, StagedCell
from recurra_history_compression.trainer import HistoryCompression


def examples(trainer: HistoryCompression) -> Examples:
    """Return a cell of two parts."""
    return Examples(cell=StagedCell)
