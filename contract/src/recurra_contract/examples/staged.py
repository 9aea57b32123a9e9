"""The smallest cell whose parts learn one after another, for the checks of rules that need one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from recurra.cell import Cell


class StagedState(NamedTuple):
    """h_1 and h_2 (B, 4), and the squared errors of both predictions so far (B, 2)."""

    h_1: Tensor
    h_2: Tensor
    errors: Tensor


class StagedCell(Cell[StagedState]):
    """Two parts: the first predicts x, the second what the first puts out; see `recurra_lab.Staged`."""

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 8)
        widths = ((input_size + 4, input_size), (8, 4))
        self.parts = nn.ModuleList(nn.ModuleList([nn.Linear(n, 4), nn.Linear(4, m)]) for n, m in widths)

    def initial_state(self, batch_size: int) -> StagedState:
        """Return zeros."""
        return StagedState(self.zeros(batch_size, 4), self.zeros(batch_size, 4), self.zeros(batch_size, 2))

    def step(self, x: Tensor, state: StagedState) -> tuple[Tensor, StagedState]:
        """Advance by one step."""
        after: list[Tensor] = []
        errors = []
        for (net, head), h in zip(cast(Any, self.parts), state[:2], strict=True):
            read = after[0].detach() if after else x
            errors.append((head(h) - read).square().mean(-1))
            after.append(torch.tanh(net(torch.cat([read, h], -1))))
        return torch.cat(after, -1), StagedState(after[0], after[1], state.errors + torch.stack(errors, 1))

    def stages(self) -> Sequence[nn.Module]:
        """Return both parts."""
        return list(self.parts)

    def stage_losses(self, state: StagedState) -> Tensor:
        """Return the squared error of each: (2, B)."""
        return state.errors.T
