"""A memory is a cell that a controller drives; `MemoryCell` joins the two into a cell again."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from recurra.cell import Cell, Tags, add_losses
from recurra.errors import IncompatibleParts

S = TypeVar("S")


class Memory(Cell[S]):
    """A cell whose input is the output of a controller and whose output is the vectors read.

    Shapes: interface (B, I) holds the raw parameters of all heads, r (B, O) the vectors read by all heads.
    """

    @abc.abstractmethod
    def step(self, interface: Tensor, state: S) -> tuple[Tensor, S]:
        """Write and read: interface (B, I), state -> r (B, O), state."""

    def initial_read(self, batch_size: int) -> Tensor:
        """Return r (B, O), the vectors read before the first step: zeros, unless overridden."""
        return self.zeros(batch_size, self.output_size)

    def init_interface(self, interface: nn.Linear) -> None:
        """Initialise the layer (controller width -> I) that will drive this memory."""
        nn.init.xavier_uniform_(interface.weight)
        nn.init.zeros_(interface.bias)


class MemoryCellState(NamedTuple):
    """What survives a step: the states of both parts and r (B, R W), the vectors read last."""

    controller: tuple[Tensor, ...]
    memory: tuple[Tensor, ...]
    r: Tensor


class ControllerWithMemory(Cell[MemoryCellState]):
    """A controller and the memory it drives; `step` defines how they are connected.

    Shapes: the controller reads [x, r], of width I + R W.

    Raises:
        IncompatibleParts: The controller reads trees.
    """

    def __init__(self, controller: Cell[Any], memory: Memory[Any], output_size: int) -> None:
        if controller.tags.input_kind != "vectors":
            kind = controller.tags.input_kind
            message = f"a controller reads vectors, and {type(controller).__name__} reads {kind}"
            raise IncompatibleParts(f"{type(self).__name__}: {message}; choose another controller")
        super().__init__(controller.input_size - memory.output_size, output_size)
        self.controller, self.memory = controller, memory
        self.tags = Tags.combined([controller, memory])

    def initial_state(self, batch_size: int) -> MemoryCellState:
        """Return the initial states of both parts and the memory's initial read."""
        return MemoryCellState(
            self.controller.initial_state(batch_size),
            self.memory.initial_state(batch_size),
            self.memory.initial_read(batch_size),
        )

    def auxiliary_loss(self, state: MemoryCellState) -> Tensor | None:
        """Return the sum of both parts' auxiliary losses; None if neither has one."""
        return add_losses(
            [self.controller.auxiliary_loss(state.controller), self.memory.auxiliary_loss(state.memory)]
        )

    def diagnostics(self, state: MemoryCellState) -> dict[str, Tensor]:
        """Return the diagnostics of the memory, and the vectors read."""
        return {**self.memory.diagnostics(state.memory), "read vectors": state.r}


class MemoryCell(ControllerWithMemory):
    """A controller and the memory it drives, as one cell.

        h, controller' = controller([x, r], controller)
        interface = W h + b;  r', memory' = memory(interface, memory);  y = [h, r']

    Shapes: x (B, I), h (B, H), r (B, R W), y (B, H + R W). The controller must read vectors of width I + R W.

    Raises:
        IncompatibleParts: The controller reads trees.
    """

    def __init__(self, controller: Cell[Any], memory: Memory[Any]) -> None:
        super().__init__(controller, memory, controller.output_size + memory.output_size)
        self.interface = nn.Linear(controller.output_size, memory.input_size)
        memory.init_interface(self.interface)

    def step(self, x: Tensor, state: MemoryCellState) -> tuple[Tensor, MemoryCellState]:
        """Advance by one step: x (B, I), state -> y (B, H + R W), state."""
        h, controller = self.controller.step(torch.cat([x, state.r], -1), state.controller)
        r, memory = self.memory.step(self.interface(h), state.memory)
        return torch.cat([h, r], -1), MemoryCellState(controller, memory, r)
