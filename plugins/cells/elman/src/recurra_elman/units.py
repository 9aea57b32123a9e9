"""What both networks share: their activations, options and weight initialization."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

Size = Annotated[int, Field(gt=0, description="H, number of hidden units")]
Activation = Annotated[
    Literal["tanh", "logistic", "relu"], Field(description="f, activation of the hidden units")
]
Start = Annotated[
    Literal["glorot", "identity"],
    Field(description="glorot: W Glorot-uniform, U orthogonal; identity: U the identity, W tiny (IRNN)"),
]
Scale = Annotated[float, Field(gt=0, description="U is this times the identity, with start = identity")]
Truncated = Annotated[bool, Field(description="stop the gradient at the context, as in 1990")]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "identity": torch.positive,
}
TINY = 1e-3
"""Standard deviation of W with a start at the identity (Le, Jaitly and Hinton 2015)."""


def start_input(W: nn.Linear, start: str) -> None:
    """Initialise the weights from below, and the biases with zero."""
    nn.init.zeros_(W.bias)
    if start == "identity":
        nn.init.normal_(W.weight, std=TINY)
    else:
        nn.init.xavier_uniform_(W.weight)
