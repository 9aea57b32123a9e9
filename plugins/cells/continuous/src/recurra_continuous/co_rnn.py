"""Coupled oscillators: second-order units that keep gradients within bounds."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra_continuous.timed_cell import Elapsed, Size, StepSize, TimedCell


class CoRNNState(NamedTuple):
    """The state: the positions y (B, H) and the velocities z (B, H)."""

    y: Tensor
    z: Tensor


class CoRNN(TimedCell[CoRNNState]):
    """Damped oscillators that are driven by the input and by each other.

        y'' = tanh(W y + 𝒲 y' + V x + b) − γ y − ε y'

        z' = z + Δt (tanh(W y + 𝒲 z + V x + b) − γ y − ε z̄);   y' = y + Δt z'
        z̄ = z       explicit damping, as in the authors' code
        z̄ = z'      implicit damping, the paper's other choice

    A step is exact to first order in Δt; without elapsed time the state does not change. A step longer
    than (√(ε² + 4 γ) ∓ ε) / γ, where − belongs to explicit damping, makes the undriven oscillator
    unstable: such a dt is rejected, and a longer elapsed time counts as this.

    Shapes: x (B, I), y and z (B, H), output y (B, H).  Parameters: H (I + 2 H + 1), where I does not count
    the elapsed time.
    Initialization: all weights and b uniform in ±1/√(I + 2 H), as in `nn.Linear`. y and z zero.
    Differs from the paper: nothing known. The defaults are those of the authors' code for sequential MNIST.
    Source: Rusch and Mishra 2021, arXiv 2010.00951.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        gamma: Annotated[float, Field(gt=0, description="γ, squared frequency of the oscillators")] = 2.7,
        epsilon: Annotated[float, Field(ge=0, description="ε, damping")] = 4.7,
        damping: Annotated[
            Literal["explicit", "implicit"], Field(description="whether z or z' is damped")
        ] = "explicit",
        dt: StepSize = 0.042,
        elapsed: Elapsed = "constant",
    ) -> None:
        implicit = damping == "implicit"
        longest = (math.hypot(epsilon, 2 * gamma**0.5) + (epsilon if implicit else -epsilon)) / gamma
        super().__init__(input_size, hidden_size, elapsed=elapsed, dt=dt, longest=longest)
        self.gamma, self.epsilon, self.implicit = gamma, epsilon, implicit
        self.drive = nn.Linear(self.inputs + 2 * hidden_size, hidden_size)  # columns: V, 𝒲, W

    def initial_state(self, batch_size: int) -> CoRNNState:
        """Return zeros."""
        size = self.options["hidden_size"]
        return CoRNNState(self.zeros(batch_size, size), self.zeros(batch_size, size))

    def advance(self, x: Tensor, dt: Tensor, state: CoRNNState) -> tuple[Tensor, CoRNNState]:
        """Advance by a time: x (B, I), dt (B, 1), state -> y (B, H), state."""
        y, z = state
        force = torch.tanh(self.drive(torch.cat([x, z, y], -1))) - self.gamma * y
        if self.implicit:
            z = (z + dt * force) / (1 + dt * self.epsilon)
        else:
            z = z + dt * (force - self.epsilon * z)
        y = y + dt * z
        return y, CoRNNState(y, z)

    def diagnostics(self, state: CoRNNState) -> dict[str, Tensor]:
        """Return positions and velocities."""
        return {"positions": state.y, "velocities": state.z}
