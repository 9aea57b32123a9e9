"""The Neural Turing Machine: a controller and its memory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recurra import MemoryCell, Ref


class NTM(MemoryCell):
    """Neural Turing Machine: any controller driving the memory of the paper.

        h = controller([x, r]);  r = memory(W h + b);  y = [h, r]

    Shapes: x (B, I), y (B, H + R W): a readout receives the controller's output and the vectors read
    at this step.
    Source: Graves, Wayne and Danihelka 2014.
    """

    contract_options = {
        "controller": Ref("cell", "feed-forward", hidden_size=5),
        "memory": Ref("memory", "ntm", slots=6, width=3),
    }

    def __init__(
        self,
        input_size: int,
        *,
        controller: Annotated[Ref, Field(description="controller cell")] = Ref("cell", "feed-forward"),
        memory: Annotated[Ref, Field(description="memory that the controller drives")] = Ref("memory", "ntm"),
    ) -> None:
        driven = memory.build()
        super().__init__(controller.build(input_size + driven.output_size), driven)
