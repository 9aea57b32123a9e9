"""Cells in continuous time: a step lasts a fixed time, or the time that its input states."""

from __future__ import annotations

import abc
import math
from typing import Annotated, Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from recurra import Cell, InvalidOption

S = TypeVar("S")
Size = Annotated[int, Field(gt=0, description="H, number of units")]
Elapsed = Annotated[
    Literal["constant", "last-channel"],
    Field(description="time that elapses in a step: 1, or the last channel of x"),
]
StepSize = Annotated[float, Field(gt=0, description="Δt for an elapsed time of 1")]


class TimedCell(Cell[S]):
    """A cell whose step covers the time Δt; subclasses define how the state changes in it.

        constant:       Δt = dt,               y = the output of `advance`
        last-channel:   Δt = dt max(0, x_I),   y = [the output of `advance`, x_I]

    With `last-channel`, the last channel of x is the time that has elapsed since the previous step. It is
    repeated in y, so that the next layer of a stack reads it too.

    Args:
        input_size: I, the width of x.
        units: H, the width of the output of `advance`.
        elapsed: Where the elapsed time comes from.
        dt: Δt for an elapsed time of 1.
        longest: The largest Δt that the method allows; a longer elapsed time counts as this.

    Raises:
        InvalidOption: x has nothing but the elapsed time, or dt exceeds `longest`.
    """

    def __init__(
        self, input_size: int, units: int, *, elapsed: Elapsed, dt: float, longest: float = math.inf
    ) -> None:
        timed, who = elapsed == "last-channel", type(self).__name__
        if timed and input_size < 2:
            told = "needs an input of at least 2 channels, the last of which is the time"
            raise InvalidOption(f"{who}: elapsed = 'last-channel' {told}; got {input_size}")
        if dt > longest:
            raise InvalidOption(f"{who}: dt = {dt} must be at most {longest:.6g}, or the method is unstable")
        super().__init__(input_size, units + timed)
        self.timed, self.inputs, self.dt, self.longest = timed, input_size - timed, dt, longest

    @abc.abstractmethod
    def advance(self, x: Tensor, dt: Tensor, state: S) -> tuple[Tensor, S]:
        """Advance by a time: x (B, I) without the elapsed time, dt (B, 1), state -> (B, H), state."""

    def step(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        """Advance by one step: x (B, I), state -> y (B, H), or (B, H + 1) with the elapsed time, state."""
        if not self.timed:
            return self.advance(x, x.new_full((x.shape[0], 1), self.dt), state)
        x, time = x[:, :-1], x[:, -1:]
        y, state = self.advance(x, (self.dt * torch.relu(time)).clamp(max=self.longest), state)
        return torch.cat([y, time], -1), state
