"""A cell that no plugin ships, written as its paper writes a step, for `benchmarks/engine.py`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra import Cell


class HiddenAndCell(NamedTuple):
    """h (B, H), the output of the step before, and c (B, H), the content of the cells."""

    h: Tensor
    c: Tensor


class NormalisedLSTM(Cell[HiddenAndCell]):
    """LSTM whose two products, and whose cells before they are shown, are layer-normalised."""

    def __init__(self, input_size: int, *, hidden_size: int = 128) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, 4 * hidden_size, bias=False)
        self.from_h = nn.Linear(hidden_size, 4 * hidden_size)
        self.norm_x, self.norm_h = nn.LayerNorm(4 * hidden_size), nn.LayerNorm(4 * hidden_size)
        self.norm_c = nn.LayerNorm(hidden_size)

    def initial_state(self, batch_size: int) -> HiddenAndCell:
        """Return zeros."""
        return HiddenAndCell(*(self.zeros(batch_size, self.output_size) for _ in range(2)))

    def step(self, x: Tensor, state: HiddenAndCell) -> tuple[Tensor, HiddenAndCell]:
        """Advance by one step."""
        gates = self.norm_x(self.from_x(x)) + self.norm_h(self.from_h(state.h))
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
        return h, HiddenAndCell(h, c)
