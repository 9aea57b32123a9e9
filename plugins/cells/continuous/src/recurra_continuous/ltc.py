"""Liquid time-constant networks: conductance-based synapses, solved by the fused implicit method."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from recurra_continuous.timed_cell import Elapsed, Size, StepSize, TimedCell


class LTCState(NamedTuple):
    """The state: the potentials v (B, H)."""

    v: Tensor


class Synapses(nn.Module):
    """Synapses from N units to H units, the conductance of which depends on the sending potential.

        f_ij = w_ij σ(γ_ij (v_i − μ_ij));   the current into unit j is Σ_i f_ij (E_ij − v_j)

    Shapes: v (B, N) -> Σ f E (B, H) and Σ f (B, H).  Parameters: 4 N H.
    Initialization: w uniform in 0.001 to 1, γ in 3 to 8, μ in 0.3 to 0.8; E is 1 for two thirds of the
    synapses and −1 for the others, drawn at random. w = softplus(its parameter), so that it stays positive.
    """

    def __init__(self, sources: int, units: int) -> None:
        super().__init__()
        shape = (sources, units)
        self.w = _positive(shape, 0.001, 1.0)
        self.gamma = nn.Parameter(torch.empty(shape).uniform_(3, 8))
        self.mu = nn.Parameter(torch.empty(shape).uniform_(0.3, 0.8))
        self.E = nn.Parameter(torch.where(torch.rand(shape) < 2 / 3, 1.0, -1.0))

    def forward(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return Σ f E (B, H) and Σ f (B, H)."""
        f = softplus(self.w) * torch.sigmoid(self.gamma * (v[:, :, None] - self.mu))  # (B, N, H)
        return (f * self.E).sum(1), f.sum(1)


class LTC(TimedCell[LTCState]):
    """Units whose synapses are conductances, so that the input changes how fast they react.

        C dv/dt = g (E_l − v) + Σ f (E − v),   over all synapses from units and inputs

        v ← (C v + δ (g E_l + Σ f E)) / (C + δ (g + Σ f)),   δ = Δt / unfolds, `unfolds` times;   y = v

    A synapse has f = w σ(γ (u − μ)), where u is the sending potential, or a_i x_i + c_i for input i. f of the
    units is computed anew in every unfold, f of the inputs once. The solver is implicit in v and explicit in
    f: stable for every Δt, and exact to first order in δ, so two steps of Δt/2 equal one of Δt in
    the limit only. Without elapsed time the state does not change.

    Shapes: x (B, I), v (B, H), y (B, H).  Parameters: 4 H (H + I) + 3 H + 2 I, where I does not count the
    elapsed time. The cost of a step is proportional to its B H (H unfolds + I) synapses.
    Initialization: C uniform in 0.4 to 0.6, g in 0.001 to 1, E_l in −0.2 to 0.2, a one, c zero; that of
    the synapses is stated by `Synapses`. C, g and w are softplus of their parameters. v zero.
    Differs from the paper: synapses and ranges are those of the authors' code, which the paper's f, one
    layer for all units, abbreviates; every unit is connected to every other; C, g and w are kept positive
    by softplus instead of by clipping after an update; y is v, since a readout follows.
    Source: Hasani et al. 2021, arXiv 2006.04439, algorithm 1.
    """

    contract_options = {"hidden_size": 4, "unfolds": 2}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 32,
        unfolds: Annotated[int, Field(gt=0, description="solver steps in a step")] = 6,
        dt: StepSize = 1.0,
        elapsed: Elapsed = "constant",
    ) -> None:
        super().__init__(input_size, hidden_size, elapsed=elapsed, dt=dt)
        self.unfolds = unfolds
        self.from_units = Synapses(hidden_size, hidden_size)
        self.from_inputs = Synapses(self.inputs, hidden_size)
        self.a = nn.Parameter(torch.ones(self.inputs))
        self.c = nn.Parameter(torch.zeros(self.inputs))
        self.C = _positive((hidden_size,), 0.4, 0.6)
        self.g = _positive((hidden_size,), 0.001, 1.0)
        self.E_l = nn.Parameter(torch.empty(hidden_size).uniform_(-0.2, 0.2))

    def initial_state(self, batch_size: int) -> LTCState:
        """Return zeros."""
        return LTCState(self.zeros(batch_size, self.options["hidden_size"]))

    def advance(self, x: Tensor, dt: Tensor, state: LTCState) -> tuple[Tensor, LTCState]:
        """Advance by a time: x (B, I), dt (B, 1), state -> y (B, H), state."""
        v, delta = state.v, dt / self.unfolds
        C, g = softplus(self.C), softplus(self.g)
        x_drive, x_conductance = self.from_inputs(self.a * x + self.c)
        for _ in range(self.unfolds):
            drive, conductance = self.from_units(v)
            v = (C * v + delta * (g * self.E_l + drive + x_drive)) / (
                C + delta * (g + conductance + x_conductance)
            )
        return v, LTCState(v)

    def diagnostics(self, state: LTCState) -> dict[str, Tensor]:
        """Return the potentials."""
        return {"potentials": state.v}


def _positive(shape: tuple[int, ...], low: float, high: float) -> nn.Parameter:
    """Return a parameter whose softplus is uniform in a range."""
    return nn.Parameter(torch.empty(shape).uniform_(low, high).expm1().log())
