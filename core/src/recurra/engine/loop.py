"""The definition of a sequence: a Python loop over `step`, differentiated by autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from recurra.state import select

if TYPE_CHECKING:
    from recurra.cell import Cell

S = TypeVar("S")


def run(cell: Cell[S], x: Tensor, state: S, lengths: Tensor | None = None) -> tuple[Tensor, S]:
    """Run a cell over a sequence: x (B, T, I) -> y (B, T, O) and the state after each row's last step.

    Past `lengths[b]` the state of row b stands still and its output is zero, whatever the padding holds.
    """
    batch_size, steps, _ = x.shape
    if steps == 0:
        return x.new_zeros(batch_size, 0, cell.output_size), state
    if lengths is None:
        outputs = []
        for x_t in x.unbind(1):
            y, state = cell.step(x_t, state)
            outputs.append(y)
        return torch.stack(outputs, 1), state
    return _run_ragged(cell, x, state, lengths)


def _run_ragged(cell: Cell[S], x: Tensor, state: S, lengths: Tensor) -> tuple[Tensor, S]:
    live = torch.arange(x.shape[1], device=x.device) < lengths[:, None]  # (B, T)
    # Padding is zeroed before the step, not only after it: a NaN that went through the step would come back
    # as a NaN gradient, even where its output is thrown away.
    x = torch.where(live[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
    outputs = []
    for x_t, live_t in zip(x.unbind(1), live.unbind(1), strict=True):
        y, new = cell.step(x_t, state)
        state = select(live_t, new, state)
        outputs.append(torch.where(live_t[:, None], y, torch.zeros_like(y)))
    return torch.stack(outputs, 1), state
