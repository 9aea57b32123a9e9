"""The Evolving Neural Turing Machine: a network whose structure evolves, and its tape."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra.cell import Cell
from recurra.errors import IncompatibleParts
from recurra.memory import Memory
from recurra.options import Ref, fields_of
from recurra.registry import load
from recurra.wrappers.around import promise


class EvolvingNTMState(NamedTuple):
    """What survives a step: the states of both parts and r (B, W), what was read last."""

    network: tuple[Tensor, ...]
    memory: tuple[Tensor, ...]
    r: Tensor


class EvolvingNTM(Cell[EvolvingNTMState]):
    """Evolving Neural Turing Machine: one network puts out both the answer and what moves the head.

        [y, v, i, j, s] = network([x, r]);  r = memory([v, i, j, s])

    Nothing is between network and memory, so that all weights are the network's, and evolution may choose
    its structure. The answer does not see what is read in the same step, but in the next one.

    Shapes: x (B, I), y (B, O), r (B, W).
    Source: Greve, Jacobsen and Risi 2016.

    Raises:
        IncompatibleParts: The network has no option `output_size`.
    """

    contract_options: ClassVar[dict[str, Any]] = {
        "output_size": 2,
        "network": Ref("cell", "neat-network", hidden_size=3),
        "memory": Ref("memory", "evolving-ntm", width=3, capacity=2001),
    }

    def __init__(
        self,
        input_size: int,
        *,
        output_size: Annotated[int, Field(gt=0, description="O, numbers of the answer")] = 1,
        network: Annotated[
            Ref, Field(description="the cell that drives; its own output_size is set for it")
        ] = Ref("cell", "neat-network"),
        memory: Annotated[Ref, Field(description="the memory that is driven")] = Ref(
            "memory", "evolving-ntm"
        ),
    ) -> None:
        super().__init__(input_size, output_size)
        driven: Memory[Any] = memory.build()
        self.sizes = [output_size, driven.input_size]
        self.network = _as_wide(network, sum(self.sizes)).build(input_size + driven.output_size)
        self.memory = driven
        promise(self, [self.network, self.memory])

    def initial_state(self, batch_size: int) -> EvolvingNTMState:
        """Return the initial states of both parts, and the memory's initial read."""
        return EvolvingNTMState(
            self.network.initial_state(batch_size),
            self.memory.initial_state(batch_size),
            self.memory.initial_read(batch_size),
        )

    def step(self, x: Tensor, state: EvolvingNTMState) -> tuple[Tensor, EvolvingNTMState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        out, network = self.network.step(torch.cat([x, state.r], -1), state.network)
        y, emitted = torch.split(out, self.sizes, -1)
        r, memory = self.memory.step(emitted, state.memory)
        return y, EvolvingNTMState(network, memory, r)

    def views(self, state: EvolvingNTMState) -> dict[str, Tensor]:
        """Return what the memory shows, and what it read."""
        return {**self.memory.views(state.memory), "read vector": state.r}


def _as_wide(network: Ref, width: int) -> Ref:
    """Return the network with so many outputs."""
    if "output_size" not in fields_of(load("cell", network.name)):
        told = f"network '{network.name}' has no option output_size, which says how much it puts out"
        raise IncompatibleParts(f"EvolvingNTM: {told}; choose neat-network")
    return Ref("cell", network.name, **{**network.options, "output_size": width})
