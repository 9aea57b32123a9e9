"""Half precision and autocast: inputs are cast to a wider dtype, and results are rounded.

Under autocast the loop decides for every operation in which numbers it is done. A compiled step is done in
one kind, which holds at least as many digits, and its results have the dtypes that the loop's have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra import sequence
from recurra.state import in_precision_of
from recurra_engine.dtypes import converted, uncast

if TYPE_CHECKING:
    from recurra.cell import Cell
    from recurra_engine.autograd import Differentiable
    from recurra_engine.compiled import Compiled, Traced


class Widened:
    """A compiled step between conversions.

    Args:
        compiled: What runs.
        dtype: What it computes in.
        cell: The cell, whose loop is asked for the dtype of y.
        like: An input (B, T, I) of the caller's.
    """

    def __init__(self, compiled: Compiled, dtype: torch.dtype, cell: Cell[Any], like: Tensor) -> None:
        self.compiled, self.dtype = compiled, dtype
        with torch.no_grad(), torch.random.fork_rng([]):
            few = like.new_zeros(1, 2, like.shape[-1])
            self.y = sequence.loop(cell, few, cell.initial_state(1))[0].dtype

    @property
    def sequence(self) -> Differentiable:
        """What runs between the conversions."""
        return self.compiled.sequence

    @property
    def made(self) -> Traced:
        """The traced step."""
        return self.compiled.made

    def run(self, cell: Cell[Any], x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run over x (B, T, I) as `sequence.loop` does."""
        with uncast(x.device):
            given = x.to(self.dtype), converted(state, self.dtype)
            y, after = self.compiled.run(cell, *given, lengths)
        return y.to(self.y), in_precision_of(state, after)
