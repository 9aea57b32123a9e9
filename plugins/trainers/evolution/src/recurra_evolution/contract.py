"""What the contract of this trainer is checked on; imported by the contract kit alone."""

from recurra_contract import Examples, GrowingCell
from recurra_evolution.trainer import Evolution


def examples(trainer: Evolution) -> Examples:
    """Return a cell that can grow, for neat."""
    return Examples(cell=GrowingCell if trainer.algorithm == "neat" else None)
