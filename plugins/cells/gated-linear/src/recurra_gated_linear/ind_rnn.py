"""The independently recurrent network: each unit sees only itself of the previous step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Tags
from recurra_gated_linear.shared import HiddenCell, HiddenState, Size

Activation = Annotated[Literal["relu", "tanh"], Field(description="activation of the units")]
Steps = Annotated[
    int | None,
    Field(gt=0, description="T, length of the sequences, which bounds |u| by G^(1/T); none: no bound"),
]
Growth = Annotated[
    float, Field(gt=0, description="G, largest factor by which T steps may multiply a gradient")
]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class IndRNN(HiddenCell):
    """Network whose units are independent over time: its recurrent weight is a vector u.

        y = h' = φ(W x + u ∘ h + b)

    φ is ReLU or tanh. Over T steps the gradient of a ReLU unit is multiplied by up to |u|^T. With the option
    `steps` = T, u is kept within ± G^{1/T}, G being the option `growth`.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + 2).
    Initialization: u uniform between 0 and 1, or between 0 and the bound; W Glorot-uniform and b zero.
    Differs from the paper: its code clips u after every update. Here a step uses the clipped u, and the
    gradient passes as if it were not clipped, so that u can come back; with `steps` the tags therefore say
    that the gradient is not exact, which it is unless a weight is beyond the bound. The paper's deep
    networks normalise the batch between layers.
    Source: Li, Li, Cook, Zhu and Gao 2018, arXiv 1803.04831.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        activation: Activation = "relu",
        steps: Steps = None,
        growth: Growth = 2.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.tags = Tags(exact_gradient=steps is None)
        self.function = FUNCTIONS[activation]
        self.bound = None if steps is None else growth ** (1 / steps)
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_h = nn.Parameter(torch.rand(hidden_size) * (self.bound or 1.0))  # u
        nn.init.xavier_uniform_(self.from_x.weight)
        nn.init.zeros_(self.from_x.bias)

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        u: Tensor = self.from_h
        if self.bound is not None:
            u = u + (u.clamp(-self.bound, self.bound) - u).detach()
        h = self.function(self.from_x(x) + u * state.h)
        return h, HiddenState(h)
