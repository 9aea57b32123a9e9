"""Long expressive memory: two states that advance by step sizes of their own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra_continuous.timed_cell import Elapsed, Size, StepSize, TimedCell


class LEMState(NamedTuple):
    """The state: y (B, H), the output, and z (B, H)."""

    y: Tensor
    z: Tensor


class LEM(TimedCell[LEMState]):
    """Two coupled states, the step sizes of which depend on the input and on y.

        Δ_z = Δt σ(W_1 y + V_1 x + b_1);   Δ_y = Δt σ(W_2 y + V_2 x + b_2)
        z' = (1 − Δ_z) ∘ z + Δ_z ∘ tanh(W_z y + V_z x + b_z)
        y' = (1 − Δ_y) ∘ y + Δ_y ∘ tanh(W_y z' + V_y x + b_y)

    A step is exact to first order in Δt; without elapsed time the state does not change. Δt is at most 1,
    as in the paper: a longer elapsed time counts as this.

    Shapes: x (B, I), y and z (B, H), output y (B, H).  Parameters: 4 H (I + H + 1), where I does not count
    the elapsed time.
    Initialization: all weights and biases uniform in ±1/√H. y and z zero.
    Differs from the paper: nothing known. The authors' code has a second bias in most sums.
    Source: Rusch, Mishra, Erichson and Mahoney 2022, arXiv 2110.04744.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        dt: StepSize = 1.0,
        elapsed: Elapsed = "constant",
    ) -> None:
        super().__init__(input_size, hidden_size, elapsed=elapsed, dt=dt, longest=1.0)
        self.from_x = nn.Linear(self.inputs, 4 * hidden_size)  # rows: Δ_z, Δ_y, z, y
        self.from_y = nn.Linear(hidden_size, 3 * hidden_size, bias=False)  # rows: Δ_z, Δ_y, z
        self.from_z = nn.Linear(hidden_size, hidden_size, bias=False)
        for p in self.parameters():
            nn.init.uniform_(p, -(hidden_size**-0.5), hidden_size**-0.5)

    def initial_state(self, batch_size: int) -> LEMState:
        """Return zeros."""
        size = self.options["hidden_size"]
        return LEMState(self.zeros(batch_size, size), self.zeros(batch_size, size))

    def advance(self, x: Tensor, dt: Tensor, state: LEMState) -> tuple[Tensor, LEMState]:
        """Advance by a time: x (B, I), dt (B, 1), state -> y (B, H), state."""
        y, z = state
        x_z_rate, x_y_rate, x_z, x_y = self.from_x(x).chunk(4, -1)
        y_z_rate, y_y_rate, y_z = self.from_y(y).chunk(3, -1)
        z = z + dt * torch.sigmoid(x_z_rate + y_z_rate) * (torch.tanh(x_z + y_z) - z)
        y = y + dt * torch.sigmoid(x_y_rate + y_y_rate) * (torch.tanh(x_y + self.from_z(z)) - y)
        return y, LEMState(y, z)

    def diagnostics(self, state: LEMState) -> dict[str, Tensor]:
        """Return both states."""
        return {"y": state.y, "z": state.z}
