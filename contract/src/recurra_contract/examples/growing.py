"""A network whose structure can grow, for the checks of a rule that lets it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra.capabilities.topology import Topology
from recurra.cell import Cell


class GrowingCell(Cell[Tensor]):
    """Two layers of linear nodes, two of them hidden, and half of the last answer: y (B, 3)."""

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 3)
        self.w = nn.Parameter(torch.zeros(5, 1 + input_size + 5))

    def initial_state(self, batch_size: int) -> Tensor:
        """Return zeros."""
        return self.zeros(batch_size, 3)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        bias, from_x, from_a = torch.split(self.w, [1, self.input_size, 5], 1)
        given = nn.functional.linear(x, from_x, bias[:, 0])
        y = (given + nn.functional.linear(given, from_a))[:, :3] + state / 2
        return y, y

    def topology(self) -> Topology:
        """Return where its connections are."""
        return Topology(self.w, self.input_size, 3, 2, 2)
