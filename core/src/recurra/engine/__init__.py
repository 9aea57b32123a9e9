"""How a cell's `step` becomes a whole sequence.

    loop     the definition: a Python loop over `step`, differentiated by autograd
    scan     the step traced once, its gradient derived; products moved out of the loop; any device
    native   the same, with the loop compiled from generated C; on a CPU with a C compiler
    device   the same, as Triton kernels between products by cuBLAS; on a CUDA device

The best level that a cell can have is chosen at its first call (`levels`), and must equal the loop. Read in
this order: `trace` (with `aten` and `graph`), `partition`, `derive`, `program`, `sequence`, `native`. The
pages in docs/engine follow one cell through all stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from recurra.engine import exported, loop, segments
from recurra.engine.level import LEVELS, Level, using
from recurra.engine.segments import checkpointing

if TYPE_CHECKING:
    from recurra.cell import Cell

S = TypeVar("S")
__all__ = ["LEVELS", "Level", "checkpointing", "run", "using"]


def run(cell: Cell[S], x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell over a sequence: x (B, T, I) -> y (B, T, O) and the state after each row's last step.

    Past `lengths[b]` the state of row b stands still and its output is zero, whatever the padding holds.
    """
    # torch.export unrolls a Python loop, which would fix the number of steps.
    if torch.compiler.is_exporting():
        return exported.run(cell, x, state, lengths)
    from recurra.engine import levels  # here, since the shell seldom runs a cell

    compiled = levels.choose(cell, x, state).compiled
    whole = loop.run if compiled is None else compiled.run
    size = segments.length(x.shape[1])
    if size is None:
        return whole(cell, x, state, lengths)
    return segments.run(whole, size, cell, x, state, lengths)
