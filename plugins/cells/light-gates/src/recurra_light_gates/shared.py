"""What several cells share: the option for their size, a state of one tensor and the usual initialization."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn

Size = Annotated[int, Field(gt=0, description="H, number of units")]


class HiddenState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


def initialise(from_x: nn.Linear, *from_h: nn.Linear, gates: int) -> None:
    """Initialise W Glorot-uniform and U orthogonal, gate by gate, and the biases with zero."""
    for W in from_x.weight.chunk(gates):
        nn.init.xavier_uniform_(W)
    if from_x.bias is not None:
        nn.init.zeros_(from_x.bias)
    for layer in from_h:
        for U in layer.weight.chunk(layer.out_features // layer.in_features):
            nn.init.orthogonal_(U)
