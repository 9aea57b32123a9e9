"""Jordan's network: its context is a decaying sum of its outputs."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, Tags
from recurra_elman.units import FUNCTIONS, Activation, Size, Truncated, start_input


class JordanState(NamedTuple):
    """The state: the state units c (B, O), a decaying sum of all outputs so far."""

    c: Tensor


class Jordan(Cell[JordanState]):
    """Network whose context, the state units, is a decaying sum of its own outputs.

        h = f(W x + U c + b);  y = f_y(V h + b_y)
        c' = y + μ c

    With `truncated` the state units are ordinary inputs: the gradient stops there, so each step learns only
    from its own error. The output layer is part of the cell, since the state is computed from it; a model's
    readout of y comes on top.

    Shapes: x (B, I), h (B, H), c (B, O), y (B, O).
    Parameters: H (I + O + 1) + O (H + 1).
    Initialization: W, U and V Glorot-uniform; b, b_y and c zero.
    Differs from the paper: tanh and the full gradient by default; state units are connected only to
    themselves, by μ. The paper's plan is a constant input x.
    Source: Jordan 1986, Institute for Cognitive Science report 8604.
    """

    renamed_options = {"squash": "activation"}
    contract_options = {"hidden_size": 5, "units": 3}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        units: Annotated[int, Field(gt=0, description="O, number of output and state units")] = 32,
        trace: Annotated[float, Field(ge=0, lt=1, description="μ, decay of the state units")] = 0.5,
        activation: Activation = "tanh",
        output: Annotated[
            Literal["logistic", "tanh", "identity"], Field(description="f_y, activation of the output units")
        ] = "logistic",
        truncated: Truncated = False,
    ) -> None:
        super().__init__(input_size, units)
        self.tags = Tags(exact_gradient=not truncated)
        self.f, self.f_y, self.trace, self.truncated = (
            FUNCTIONS[activation],
            FUNCTIONS[output],
            trace,
            truncated,
        )
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_c = nn.Linear(units, hidden_size, bias=False)
        self.to_y = nn.Linear(hidden_size, units)
        start_input(self.from_x, "glorot")
        nn.init.xavier_uniform_(self.from_c.weight)
        start_input(self.to_y, "glorot")

    def initial_state(self, batch_size: int) -> JordanState:
        """Return zeros."""
        return JordanState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: JordanState) -> tuple[Tensor, JordanState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        c = state.c.detach() if self.truncated else state.c
        h = self.f(self.from_x(x) + self.from_c(c))
        y = self.f_y(self.to_y(h))
        return y, JordanState(y + self.trace * c)

    def diagnostics(self, state: JordanState) -> dict[str, Tensor]:
        """Return the state units."""
        return {"state units": state.c}
