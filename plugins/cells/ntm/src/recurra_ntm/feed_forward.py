"""A hidden layer without memory of its own, the simplest controller."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, NoState


class FeedForward(Cell[NoState]):
    """One hidden layer without state; anything to be remembered must go into a memory.

        y = tanh(W x + b)

    Shapes: x (B, I), y (B, H).  Parameters: H (I + 1).
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Annotated[int, Field(gt=0, description="H, number of hidden units")] = 100,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.Linear(input_size, hidden_size)
        nn.init.xavier_uniform_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def initial_state(self, batch_size: int) -> NoState:
        """Return the empty state."""
        return NoState()

    def step(self, x: Tensor, state: NoState) -> tuple[Tensor, NoState]:
        """Compute the hidden layer: x (B, I) -> y (B, H)."""
        return torch.tanh(self.layer(x)), state
