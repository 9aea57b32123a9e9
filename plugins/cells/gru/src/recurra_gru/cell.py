"""The gated recurrent unit in its two published forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from recurra import Cell, torch_weights

Size = Annotated[int, Field(gt=0, description="H, number of units")]
Reset = Annotated[Literal["before", "after"], Field(description="apply r to h (before) or to U_n h (after)")]
Candidate = Annotated[Literal["tanh", "relu"], Field(description="φ, activation of the candidate n")]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


class GRUState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class GRU(Cell[GRUState]):
    """Gated recurrent unit that resets before or after the product with U_n.

        r = σ(W_r x + U_r h + b_r);  z = σ(W_z x + U_z h + b_z)
        n = φ(W_n x + b_n + U_n (r ∘ h))              before
        n = φ(W_n x + b_n + r ∘ (U_n h + b))          after, which cuDNN and `nn.GRU` compute
        y = h' = (1 − z) ∘ n + z ∘ h

    φ is tanh or ReLU, by the option `candidate`. A z near one keeps h, as in Cho's paper; Chung's
    writes 1 − z for the same gate, so weights from such an implementation need their z rows negated.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: 3 H (I + H + 1), and H more for b when reset after.
    Initialization: W Glorot-uniform and U orthogonal, gate by gate; all biases zero.
    Differs from the paper: biases, which its equations omit.
    Source: Cho et al. 2014, arXiv 1406.1078: version 3 resets before, version 1 after.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        reset: Reset = "after",
        candidate: Candidate = "tanh",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.function = FUNCTIONS[candidate]
        self.from_x = nn.Linear(input_size, 3 * hidden_size)  # rows: r, z, n
        self.from_h = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.reset_bias = nn.Parameter(torch.zeros(hidden_size)) if reset == "after" else None
        for W, U in zip(self.from_x.weight.chunk(3), self.from_h.weight.chunk(3), strict=True):
            nn.init.xavier_uniform_(W)
            nn.init.orthogonal_(U)
        nn.init.zeros_(self.from_x.bias)

    def initial_state(self, batch_size: int) -> GRUState:
        """Return zeros."""
        return GRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h = state.h
        x_r, x_z, x_n = self.from_x(x).chunk(3, -1)  # (B, H) each
        if self.reset_bias is not None:
            h_r, h_z, h_n = self.from_h(h).chunk(3, -1)
            n = self.function(x_n + torch.sigmoid(x_r + h_r) * (h_n + self.reset_bias))
        else:
            if self.from_h._forward_pre_hooks:
                self.from_h(h)  # torch's pruning makes the weight when its layer is called
            U_rz, U_n = torch.split(self.from_h.weight, [2 * self.output_size, self.output_size])
            h_r, h_z = linear(h, U_rz).chunk(2, -1)
            n = self.function(x_n + linear(torch.sigmoid(x_r + h_r) * h, U_n))
        h = n + torch.sigmoid(x_z + h_z) * (h - n)
        return h, GRUState(h)

    def diagnostics(self, state: GRUState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}

    @classmethod
    def from_torch(cls, module: nn.GRU, layer: int = 0, reverse: bool = False) -> GRU:
        """Return a cell with the weights, copied, of one layer and direction; dtype and device as there.

        Torch has two biases: in the gates the cell has their sum, in the candidate both, since one is inside
        the reset. `layer_weights` says what `layer` and `reverse` mean.

        Raises:
            InvalidInput: `module` is not an `nn.GRU`.
            InvalidOption: It has no such layer or direction.
        """
        weights = torch_weights.layer_weights("GRU", module, nn.GRU, layer, reverse)
        (x_rz, x_n), (h_rz, h_n) = (
            torch.split(b, [2 * module.hidden_size, module.hidden_size]) for b in (weights.b_x, weights.b_h)
        )
        cell = cls(weights.W.shape[1], hidden_size=module.hidden_size)
        return torch_weights.filled(cell, weights, bias=torch.cat([x_rz + h_rz, x_n]), reset_bias=h_n)

    def to_torch(self) -> nn.GRU:
        """Return a batch-first `nn.GRU` of one layer with the weights, copied; dtype and device as here.

        Its second bias is zero in the gates.

        Raises:
            InvalidOption: The cell resets before the product or has a ReLU candidate; `nn.GRU` has neither.
        """
        if self.options["candidate"] != "tanh":
            raise torch_weights.no_counterpart(self, nn.GRU, "candidate")
        if self.reset_bias is None:
            raise torch_weights.no_counterpart(self, nn.GRU, "reset")
        return torch_weights.as_module(
            nn.GRU, self, torch.cat([self.reset_bias.new_zeros(2 * self.output_size), self.reset_bias])
        )
