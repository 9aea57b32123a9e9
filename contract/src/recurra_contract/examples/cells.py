"""The smallest cell and memory that keep their contracts: what the kit drives with, and proves itself on."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra.cell import Cell
from recurra.memory import Memory, MemoryCell
from recurra.state import NoState
from recurra_contract.kit import Make


class ToyState(NamedTuple):
    """What survives a step: h (B, H)."""

    h: Tensor


class ToyCell(Cell[ToyState]):
    """A leaky unit.

        h = h / 2 + tanh(W [x, h] + b) / 2;  y = h

    Shapes: x (B, I), y (B, H).
    """

    def __init__(
        self, input_size: int, *, hidden_size: Annotated[int, Field(gt=0, description="H")] = 4
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> ToyState:
        """Return zeros."""
        return ToyState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: ToyState) -> tuple[Tensor, ToyState]:
        """Advance by one step: x (B, I) -> y (B, H)."""
        h = state.h / 2 + torch.tanh(self.W(torch.cat([x, state.h], -1))) / 2
        return h, ToyState(h)


class Identity(Cell[NoState]):
    """y = x: no state and no parameters, for tests of what goes around a cell or is driven by one."""

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, input_size)

    def initial_state(self, batch_size: int) -> NoState:
        """Return nothing."""
        return NoState()

    def step(self, x: Tensor, state: NoState) -> tuple[Tensor, NoState]:
        """Advance by one step: x (B, I) -> y (B, I)."""
        return x, state


class ToyMemoryState(NamedTuple):
    """What survives a step: M (B, N, W) and the last weighting w (B, N)."""

    M: Tensor
    w: Tensor


class ToyMemory(Memory[ToyMemoryState]):
    """Slots that are written and read where one softmax says.

        w = softmax(u);  M = M (1 - w) + w tanh(a)ᵀ;  r = w M

    Shapes: interface = [u, a] (B, N + W), r (B, W).
    """

    def __init__(self, *, slots: Annotated[int, Field(gt=0, description="N")] = 4) -> None:
        super().__init__(slots + 2, 2)
        self.slots = slots
        self.M_0 = nn.Parameter(torch.full((slots, 2), 0.1))

    def initial_state(self, batch_size: int) -> ToyMemoryState:
        """Return the learned memory, and a weighting that is the same everywhere."""
        return ToyMemoryState(
            self.M_0.expand(batch_size, -1, -1), self.zeros(batch_size, self.slots) + 1 / self.slots
        )

    def step(self, interface: Tensor, state: ToyMemoryState) -> tuple[Tensor, ToyMemoryState]:
        """Write, then read: interface (B, N + W) -> r (B, W)."""
        w = torch.softmax(interface[:, : self.slots], -1)
        M = state.M * (1 - w)[..., None] + w[..., None] * torch.tanh(interface[:, None, self.slots :])
        return (w[:, None] @ M)[:, 0], ToyMemoryState(M, w)

    def diagnostics(self, state: ToyMemoryState) -> dict[str, Tensor]:
        """Return the weighting."""
        return {"weighting": state.w}


def driven_by_toy(make_memory: Make) -> Make:
    """Return what makes a cell of a memory: the toy cell drives it."""

    def make(input_size: int = 3) -> MemoryCell:
        memory = make_memory()
        return MemoryCell(ToyCell(input_size + memory.output_size), memory)

    return make
