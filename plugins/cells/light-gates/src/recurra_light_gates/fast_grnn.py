"""FastGRNN: gate and candidate share their weights, which may have a low rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra_light_gates.shared import HiddenCell, HiddenState, Size

Rank = Annotated[int | None, Field(gt=0, description="rank of W, as a product of two factors; none: full")]
RecurrentRank = Annotated[
    int | None, Field(gt=0, description="rank of U, as a product of two factors; none: full")
]
Zeta = Annotated[float, Field(description="initial ζ, before the logistic function")]
Nu = Annotated[float, Field(description="initial ν, before the logistic function")]
Candidate = Annotated[Literal["tanh", "relu"], Field(description="φ, activation of the candidate")]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}
SPREAD = 0.1
"""Standard deviation of the initial weights in the authors' code."""


class FastGRNN(HiddenCell):
    """Gated unit whose gate and candidate differ in their biases only, with a trainable weighted residual.

        a = W x + U h
        z = σ(a + b_z);  n = φ(a + b_n)
        y = h' = (σ(ζ) (1 − z) + σ(ν)) ∘ n + z ∘ h

    φ is tanh or ReLU, by the option `candidate`. With a rank, W = W_2 W_1, or U = U_2 U_1.

    Shapes: x (B, I), h (B, H), y (B, H).
    Parameters: H I + H² + 2 H + 2; with ranks, r (I + H) for H I, and 2 r H for H².
    Initialization: all weights normal with a standard deviation of 0.1, b_z and b_n one, ζ = 1 and ν = −4,
    as in the authors' code.
    Differs from the paper: no sparse weights and no quantised activations.
    Source: Kusupati et al. 2018, arXiv 1901.02358.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        rank: Rank = None,
        recurrent_rank: RecurrentRank = None,
        zeta: Zeta = 1.0,
        nu: Nu = -4.0,
        candidate: Candidate = "tanh",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.function = FUNCTIONS[candidate]
        self.from_x = _product(input_size, hidden_size, rank)
        self.from_h = _product(hidden_size, hidden_size, recurrent_rank)
        self.bias = nn.Parameter(torch.ones(2, hidden_size))  # rows: z, n
        self.zeta, self.nu = nn.Parameter(torch.tensor(zeta)), nn.Parameter(torch.tensor(nu))

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        a, (b_z, b_n) = self.from_x(x) + self.from_h(state.h), self.bias.unbind()
        z, n = torch.sigmoid(a + b_z), self.function(a + b_n)
        h = (torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * n + z * state.h
        return h, HiddenState(h)


def _product(inputs: int, outputs: int, rank: int | None) -> nn.Module:
    sizes = [inputs, outputs] if rank is None else [inputs, rank, outputs]
    factors = [nn.Linear(n, m, bias=False) for n, m in pairwise(sizes)]
    for factor in factors:
        nn.init.normal_(factor.weight, std=SPREAD)
    return factors[0] if rank is None else nn.Sequential(*factors)
