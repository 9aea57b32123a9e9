"""Closed-form continuous-time networks: the elapsed time is an argument of a function, not of a solver."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra_continuous.timed_cell import Elapsed, Size, StepSize, TimedCell


def lecun_tanh(a: Tensor) -> Tensor:
    """Return 1.7159 tanh(0.666 a)."""
    return 1.7159 * torch.tanh(0.666 * a)


FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "lecun-tanh": lecun_tanh,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
}


class CfCState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class CfC(TimedCell[CfCState]):
    """A network of the input, the state and the elapsed time that stands for the solution of an equation.

        b = φ(W_b [x, h] + b_b), once per layer of the backbone;   b = [x, h] without layers
        default:   s = σ(t_a Δt + t_b);   y = h' = (1 − s) ∘ tanh(f) + s ∘ tanh(g)
        no-gate:   s = σ(t_a Δt + t_b);   y = h' = tanh(f) + s ∘ tanh(g)
        pure:      y = h' = A − A ∘ exp(−Δt (|w_τ| + |f|)) ∘ f

    f, g, t_a and t_b are linear in b, with biases. h' is a function of Δt, but not the flow of an equation:
    neither do two steps of Δt/2 equal one step of Δt, nor does a step without elapsed time keep h.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters, with U units in each of L layers of the backbone and
    I without the elapsed time: U (I + H + 1) + (L − 1) U (U + 1), and 4 H (U + 1), or H (U + 3) in pure mode;
    U is I + H where L = 0.
    Initialization: all matrices Glorot-uniform, w_τ and A as matrices of one row; biases as in `nn.Linear`.
    h zero.
    Differs from the paper: constants of φ and initialization are those of the authors' code; no dropout in
    the backbone; no mixed memory, which is a wrapper there.
    Source: Hasani et al. 2022, Nature Machine Intelligence 4:992-1003, arXiv 2106.13898.
    """

    contract_options = {"hidden_size": 5, "backbone_units": 6}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        mode: Annotated[
            Literal["default", "no-gate", "pure"], Field(description="how f, g and the elapsed time combine")
        ] = "default",
        backbone_units: Annotated[int, Field(gt=0, description="U, units of each backbone layer")] = 128,
        backbone_layers: Annotated[int, Field(ge=0, description="L, layers of the backbone")] = 1,
        activation: Annotated[
            Literal["lecun-tanh", "tanh", "relu", "gelu", "silu"], Field(description="φ, of the backbone")
        ] = "lecun-tanh",
        dt: StepSize = 1.0,
        elapsed: Elapsed = "constant",
    ) -> None:
        super().__init__(input_size, hidden_size, elapsed=elapsed, dt=dt)
        self.mode, self.function = mode, FUNCTIONS[activation]
        sizes = [self.inputs + hidden_size, *[backbone_units] * backbone_layers]
        self.backbone = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        heads = 1 if mode == "pure" else 4
        self.heads = nn.Linear(sizes[-1], heads * hidden_size)  # rows: f, and g, t_a, t_b
        self.w_tau = nn.Parameter(torch.empty(1, hidden_size)) if mode == "pure" else None
        self.A = nn.Parameter(torch.empty(1, hidden_size)) if mode == "pure" else None
        self._initialize()

    def _initialize(self) -> None:
        rows = len(self.heads.weight) // self.options["hidden_size"]
        for W in (*self.heads.weight.chunk(rows), *self.parameters()):
            if W.dim() == 2 and W is not self.heads.weight:
                nn.init.xavier_uniform_(W)

    def initial_state(self, batch_size: int) -> CfCState:
        """Return zeros."""
        return CfCState(self.zeros(batch_size, self.options["hidden_size"]))

    def advance(self, x: Tensor, dt: Tensor, state: CfCState) -> tuple[Tensor, CfCState]:
        """Advance by a time: x (B, I), dt (B, 1), state -> y (B, H), state."""
        b = torch.cat([x, state.h], -1)
        for layer in self.backbone:
            b = self.function(layer(b))
        if self.w_tau is not None and self.A is not None:
            f = self.heads(b)
            h = self.A - self.A * torch.exp(-dt * (self.w_tau.abs() + f.abs())) * f
            return h, CfCState(h)
        f, g, t_a, t_b = self.heads(b).chunk(4, -1)
        f, g, s = torch.tanh(f), torch.tanh(g), torch.sigmoid(t_a * dt + t_b)
        h = f + s * g if self.mode == "no-gate" else f + s * (g - f)
        return h, CfCState(h)

    def diagnostics(self, state: CfCState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}
