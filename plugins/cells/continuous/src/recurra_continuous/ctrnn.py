"""Rate units in continuous time, with the constraints of neuroscience as options."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import InvalidOption
from recurra_continuous.connections import Connections, LowRankConnections
from recurra_continuous.timed_cell import Elapsed, Size, StepSize, TimedCell

FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "softplus": nn.functional.softplus,
}


class CTRNNState(NamedTuple):
    """The state: the potentials h (B, H)."""

    h: Tensor


class CTRNN(TimedCell[CTRNNState]):
    """Leaky rate units in continuous time.

        τ dh/dt = −h + W f(h) + W_x x + b;   y = f(h)

        h' = h + α ∘ (−h + W f(h) + W_x x + b)
        α = 1 − exp(−Δt / τ)            exponential
        α = min(Δt / τ, 1)              euler

    `euler` takes no Δt beyond τ: a constant one is rejected, and a longer elapsed time counts as τ.
    Both methods hold f(h) during a step and are exact to first order in Δt. The exponential one solves the
    leak exactly: where W is zero, two steps of Δt/2 with the same x equal one step of Δt.

    W has H² entries, or is constrained:
        `density` < 1   some entries are absent, drawn at initialization, and stay zero
        `dale`          Dale's law: all connections from a unit have its sign; `connections` states how
        `rank`          W = M Nᵀ / H with M, N (H, R)

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + H + 1), or H (I + 2 R + 1) with `rank`, and H
    more for τ with `learn_tau`, where I does not count the elapsed time.
    Initialization: W_x Glorot-uniform, b zero, W Gaussian with standard deviation gain / √(density H), M and
    N standard Gaussian times √gain; with Dale's law the rarer sign is stronger, so that rows sum to 0 in
    expectation. h zero, so y starts from f(0).
    Differs from the papers: no noise; Song et al. rectify the signed weights, here they are absolute values,
    which have a gradient everywhere but at 0; units may connect to themselves.
    Source: Funahashi and Nakamura 1993; Dale's law: Song, Yang and Wang 2016; low rank: Mastrogiuseppe and
    Ostojic 2018.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        activation: Annotated[
            Literal["tanh", "logistic", "relu", "softplus"], Field(description="f, rate of a unit")
        ] = "tanh",
        tau: Annotated[float, Field(gt=0, description="τ, time constant, in the unit of Δt")] = 1.0,
        learn_tau: Annotated[bool, Field(description="learn a τ per unit, starting from `tau`")] = False,
        method: Annotated[
            Literal["exponential", "euler"], Field(description="how a step is solved")
        ] = "exponential",
        gain: Annotated[float, Field(gt=0, description="initial scale of W")] = 1.0,
        density: Annotated[
            float, Field(gt=0, le=1, description="fraction of the connections among units that exist")
        ] = 1.0,
        dale: Annotated[
            float | None, Field(gt=0, le=1, description="fraction of excitatory units; none: no Dale's law")
        ] = None,
        rank: Annotated[int | None, Field(gt=0, description="R, rank of W; none: full")] = None,
        dt: StepSize = 0.2,
        elapsed: Elapsed = "constant",
    ) -> None:
        euler = method == "euler"
        longest = tau if euler and not learn_tau and elapsed == "constant" else math.inf
        super().__init__(input_size, hidden_size, elapsed=elapsed, dt=dt, longest=longest)
        _check(activation, density, dale, rank, hidden_size)
        self.f, self.euler = FUNCTIONS[activation], euler
        self.from_x = nn.Linear(self.inputs, hidden_size)
        nn.init.xavier_uniform_(self.from_x.weight)
        nn.init.zeros_(self.from_x.bias)
        self.connections = (
            Connections(hidden_size, density=density, gain=gain, dale=dale)
            if rank is None
            else LowRankConnections(hidden_size, rank, gain=gain)
        )
        self.tau = tau
        self.log_tau = nn.Parameter(torch.full((hidden_size,), math.log(tau))) if learn_tau else None

    def initial_state(self, batch_size: int) -> CTRNNState:
        """Return zeros."""
        return CTRNNState(self.zeros(batch_size, self.options["hidden_size"]))

    def advance(self, x: Tensor, dt: Tensor, state: CTRNNState) -> tuple[Tensor, CTRNNState]:
        """Advance by a time: x (B, I), dt (B, 1), state -> y (B, H), state."""
        h = state.h
        a = dt / (self.tau if self.log_tau is None else self.log_tau.exp())
        alpha = a.clamp(max=1) if self.euler else -torch.expm1(-a)
        h = h + alpha * (self.from_x(x) + self.connections(self.f(h)) - h)
        return self.f(h), CTRNNState(h)

    def diagnostics(self, state: CTRNNState) -> dict[str, Tensor]:
        """Return the rates."""
        return {"rates": self.f(state.h)}


def _check(activation: str, density: float, dale: float | None, rank: int | None, units: int) -> None:
    if dale is not None and activation == "tanh":
        told = "needs rates that are not negative; choose activation = relu, softplus or logistic"
        raise InvalidOption(f"CTRNN: dale = {dale} {told}")
    if rank is not None and (dale is not None or density < 1):
        raise InvalidOption(f"CTRNN: rank = {rank} excludes dale and density, which need every entry of W")
    if rank is not None and rank > units:
        raise InvalidOption(f"CTRNN: rank = {rank} must be at most hidden_size = {units}")
