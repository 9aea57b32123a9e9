"""The leaky echo state network: a reservoir of fixed weights, for a readout that learns."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from recurra import Cell, InvalidOption
from recurra_reservoir.topologies import UNIT_RADIUS, cyclic_jump, random_sparse, scaled

Scale = Annotated[float, Field(ge=0)]


class EchoState(NamedTuple):
    """The state: u (B, H), rates or potentials."""

    u: Tensor


class LeakyEchoState(Cell[EchoState]):
    """Leaky units with fixed weights W, the echoes of whose input a readout learns to combine.

        s(r) = W_in x + b + W r + W_fb (K r + k)

        rates:        u' = (1 − α) u + α tanh(s(u));        r' = u'
        potentials:   u' = (1 − α) u + α s(tanh(u));        r' = tanh(u')

        y = r', or [r', x] with `show_input`

    Topologies of W, with n = H units; ρ is `spectral_radius`:
        random        each connection exists with probability `density`; uniform, scaled to ρ
        ring          n connections of weight ρ in a cycle, the simple cycle reservoir
        delay-line    n − 1 connections of weight ρ in a row; all eigenvalues are 0
        cyclic-jump   a ring, and 2 ⌊n / jump⌋ jumps of `jump_weight` times its weight, scaled to ρ
        orthogonal    ρ times a random orthogonal matrix

    K and k, O rows, are the one part that learns: with `feedback` = O they repeat the readout inside the
    cell, whose output is fed back by W_fb. Trainer `force` keeps them equal to the readout; they start at 0.
    A reservoir some of whose connections learn, or are chosen one by one, is the cell `fully-recurrent`.

    Shapes: x (B, I), u and r (B, H), y (B, H), or (B, H + I) with `show_input`.
    Parameters: 0, or O (H + 1) with `feedback`. W, W_in, b and W_fb are saved with the weights.
    Initialization: W_in uniform in ±`input_scaling`, or one of the two numbers with `input_weights` = signs;
    b uniform in ±`bias_scaling`, W_fb in ±`feedback_scaling`. u zero.
    Differs from the papers: the signs of W_in are random where Rodan and Tino take digits of π; what is fed
    back is the readout of the previous step with the current K.
    Source: Jaeger, Lukoševičius, Popovici and Siewert 2007; ring and delay line: Rodan and Tino 2011; jumps:
    Rodan and Tino 2012; potentials and feedback: Sussillo and Abbott 2009.
    """

    W: Tensor
    W_in: Tensor
    b: Tensor
    W_fb: Tensor | None

    contract_options = {"hidden_size": 6, "density": 1.0, "bias_scaling": 0.1, "feedback": 3}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Annotated[int, Field(gt=1, description="H, number of units")] = 128,
        topology: Annotated[
            Literal["random", "ring", "delay-line", "cyclic-jump", "orthogonal"],
            Field(description="which units are connected"),
        ] = "random",
        density: Annotated[
            float, Field(gt=0, le=1, description="fraction of the connections that exist, if random")
        ] = 0.1,
        jump: Annotated[int, Field(gt=1, description="units that a jump crosses, if cyclic-jump")] = 5,
        jump_weight: Annotated[
            float, Field(description="weight of a jump, relative to that of the cycle, if cyclic-jump")
        ] = 0.5,
        spectral_radius: Annotated[
            float, Field(gt=0, description="ρ, largest absolute eigenvalue of W")
        ] = 0.9,
        leak: Annotated[float, Field(gt=0, le=1, description="α, leak rate")] = 1.0,
        leaky: Annotated[
            Literal["rates", "potentials"], Field(description="whether tanh(s) or s is integrated")
        ] = "rates",
        input_scaling: Annotated[Scale, Field(description="largest absolute value of W_in")] = 1.0,
        input_weights: Annotated[
            Literal["uniform", "signs"], Field(description="distribution of W_in")
        ] = "uniform",
        bias_scaling: Annotated[Scale, Field(description="largest absolute value of b")] = 0.0,
        feedback: Annotated[
            int, Field(ge=0, description="O, outputs of the readout that are fed back; 0: none")
        ] = 0,
        feedback_scaling: Annotated[Scale, Field(description="largest absolute value of W_fb")] = 1.0,
        show_input: Annotated[bool, Field(description="append x to y, for the readout")] = False,
    ) -> None:
        if feedback and show_input:
            raise InvalidOption("LeakyEchoState: feedback and show_input exclude each other")
        super().__init__(input_size, hidden_size + (input_size if show_input else 0))
        self.leak, self.potentials, self.show_input = leak, leaky == "potentials", show_input
        if topology == "random":
            W = scaled(random_sparse(hidden_size, density), spectral_radius)
        elif topology == "cyclic-jump":
            W = scaled(_jumps(hidden_size, jump, jump_weight), spectral_radius)
        else:
            W = UNIT_RADIUS[topology](hidden_size) * spectral_radius
        W_in = _uniform(input_scaling, hidden_size, input_size)
        self.register_buffer("W", W)
        self.register_buffer("W_in", W_in if input_weights == "uniform" else input_scaling * W_in.sign())
        self.register_buffer("b", _uniform(bias_scaling, hidden_size))
        self.register_buffer("W_fb", _uniform(feedback_scaling, hidden_size, feedback) if feedback else None)
        self.readback = nn.Linear(hidden_size, feedback) if feedback else None  # K and k
        for p in self.parameters():
            nn.init.zeros_(p)

    def initial_state(self, batch_size: int) -> EchoState:
        """Return zeros."""
        return EchoState(self.zeros(batch_size, len(self.W)))

    def step(self, x: Tensor, state: EchoState) -> tuple[Tensor, EchoState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        u = state.u
        r = torch.tanh(u) if self.potentials else u
        s = linear(x, self.W_in, self.b) + linear(r, self.W)
        if self.readback is not None and self.W_fb is not None:
            s = s + linear(self.readback(r), self.W_fb)
        u = (1 - self.leak) * u + self.leak * (s if self.potentials else torch.tanh(s))
        r = torch.tanh(u) if self.potentials else u
        return torch.cat([r, x], -1) if self.show_input else r, EchoState(u)

    def fed_back(self) -> nn.Linear | None:
        """Return K and k, the copy of the readout that the cell reads; None without feedback."""
        return self.readback

    def diagnostics(self, state: EchoState) -> dict[str, Tensor]:
        """Return the units."""
        return {"units": state.u}


def _uniform(scale: float, *sizes: int) -> Tensor:
    return scale * (2 * torch.rand(sizes) - 1)


def _jumps(units: int, jump: int, jump_weight: float) -> Tensor:
    if jump >= units / 2:
        told = f"jump = {jump} must be less than half of hidden_size = {units}"
        raise InvalidOption(f"LeakyEchoState: {told}")
    return cyclic_jump(units, jump, jump_weight)
