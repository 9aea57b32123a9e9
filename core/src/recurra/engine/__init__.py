"""How a cell's `step` becomes a whole sequence. Levels: `loop`, the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from recurra.engine import exported, loop

if TYPE_CHECKING:
    from recurra.cell import Cell

S = TypeVar("S")
LEVELS = ("loop",)


def run(cell: Cell[S], x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell over a sequence: x (B, T, I) -> y (B, T, O) and the state after each row's last step.

    Past `lengths[b]` the state of row b stands still and its output is zero, whatever the padding holds.
    """
    # torch.export unrolls a Python loop, which would fix the number of steps.
    if torch.compiler.is_exporting():
        return exported.run(cell, x, state, lengths)
    return loop.run(cell, x, state, lengths)
