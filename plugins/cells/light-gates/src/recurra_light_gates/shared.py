"""What several cells share: the option for their size, a state of one tensor and the usual initialization."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from recurra import Cell

Size = Annotated[int, Field(gt=0, description="H, number of units")]


class HiddenState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class HiddenCell(Cell[HiddenState]):
    """A cell whose state is its output; subclasses define the step."""

    contract_options = {"hidden_size": 5}

    def initial_state(self, batch_size: int) -> HiddenState:
        """Return zeros."""
        return HiddenState(self.zeros(batch_size, self.output_size))

    def diagnostics(self, state: HiddenState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}


def initialise(from_x: nn.Linear, *from_h: nn.Linear, gates: int) -> None:
    """Initialise W Glorot-uniform and U orthogonal, gate by gate, and the biases with zero."""
    for W in from_x.weight.chunk(gates):
        nn.init.xavier_uniform_(W)
    if from_x.bias is not None:
        nn.init.zeros_(from_x.bias)
    for layer in from_h:
        for U in layer.weight.chunk(layer.out_features // layer.in_features):
            nn.init.orthogonal_(U)
