"""The Evolving Neural Turing Machine: a network whose structure evolves, and its tape."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from recurra import ControllerWithMemory, IncompatibleParts, Memory, MemoryCellState, Ref


class EvolvingNTM(ControllerWithMemory):
    """Evolving Neural Turing Machine: one network outputs both the answer and the head's controls.

        [y, v, i, j, s] = network([x, r]);  r = memory([v, i, j, s])

    There is no layer between network and memory, so all weights are the network's, and evolution may choose
    its structure. A vector that is read affects the answer only from the next step on.

    Shapes: x (B, I), y (B, O), r (B, W).
    Source: Greve, Jacobsen and Risi 2016.

    Raises:
        IncompatibleParts: The network has no option `output_size`, or reads trees.
    """

    contract_options = {
        "output_size": 2,
        "network": Ref("cell", "neat-network", hidden_size=3),
        "memory": Ref("memory", "evolving-ntm", width=3, capacity=2001),
    }

    def __init__(
        self,
        input_size: int,
        *,
        output_size: Annotated[int, Field(gt=0, description="O, size of the answer")] = 1,
        network: Annotated[
            Ref, Field(description="controller cell; its output_size is set automatically")
        ] = Ref("cell", "neat-network"),
        memory: Annotated[Ref, Field(description="memory that the controller drives")] = Ref(
            "memory", "evolving-ntm"
        ),
    ) -> None:
        driven: Memory[Any] = memory.build()
        sizes = [output_size, driven.input_size]
        controller = _as_wide(network, sum(sizes)).build(input_size + driven.output_size)
        super().__init__(controller, driven, output_size)
        self.sizes = sizes

    def step(self, x: Tensor, state: MemoryCellState) -> tuple[Tensor, MemoryCellState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        out, controller = self.controller.step(torch.cat([x, state.r], -1), state.controller)
        y, emitted = torch.split(out, self.sizes, -1)
        r, memory = self.memory.step(emitted, state.memory)
        return y, MemoryCellState(controller, memory, r)


def _as_wide(network: Ref, width: int) -> Ref:
    """Return the network with so many outputs."""
    if not network.has_option("output_size"):
        message = f"network '{network.name}' has no option output_size, the number of its outputs"
        raise IncompatibleParts(f"EvolvingNTM: {message}; choose neat-network")
    return Ref("cell", network.name, **{**network.options, "output_size": width})
