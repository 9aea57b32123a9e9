"""Sequences of distractors with two or three distant symbols X or Y: experiment 6 of the LSTM paper."""

from __future__ import annotations

import abc
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch
from recurra_long_lag.coding import coded, last_steps, lengths_from
from recurra_long_lag.judged import Judged

SYMBOLS = "abcdEBXY"
START, TRIGGER, FAR = SYMBOLS.index("E"), SYMBOLS.index("B"), SYMBOLS.index("X")
DISTRACTORS = 4
TOLERANCE = 0.3

Windows = tuple[tuple[int, int], ...]
TWO: Windows = ((10, 20), (50, 60))
THREE: Windows = ((10, 20), (33, 43), (66, 76))

Length = Annotated[
    int, Field(ge=20, description="T, length of the shortest sequence; positions are fractions of it")
]


class FarSymbols(Judged):
    """A task about two or three symbols, X or Y, in a sequence of distractors from E to B.

    Args:
        output_size: O, the width of the target at the last step.
        length: T; lengths are uniform from T to T + T / 10.
        windows: The first and last possible position of each X or Y, in hundredths of T, counted from 0.
        loss: The training loss, `squared` or `cross-entropy`.
    """

    def __init__(self, output_size: int, length: int, windows: Windows, loss: str) -> None:
        super().__init__(len(SYMBOLS), output_size, TOLERANCE, loss)
        self.length, self.windows = length, windows

    @abc.abstractmethod
    def answer(self, far: Tensor) -> Tensor:
        """Return the target (B, O), as integers; far (B, 2 or 3) is 0 for X and 1 for Y."""

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, the distant symbols and their positions, then the distractors."""
        lengths = lengths_from(self.length, batch_size, rng)
        far = torch.randint(2, (batch_size, len(self.windows)), generator=rng)
        bounds = [[bound * self.length // 100 for bound in window] for window in self.windows]
        places = [torch.randint(a, b + 1, (batch_size,), generator=rng) for a, b in bounds]
        steps = int(lengths.max()) if batch_size else self.length
        symbols = torch.randint(DISTRACTORS, (batch_size, steps), generator=rng)
        symbols = symbols.scatter(1, torch.stack(places, 1), FAR + far)
        mask = last_steps(lengths, steps)
        symbols = torch.where(mask, TRIGGER, symbols)
        symbols[:, 0] = START
        x = coded(symbols, len(SYMBOLS), lengths)
        target = self.answer(far)[:, None] * mask[..., None]
        return Batch(x, target.to(x.dtype), mask, lengths)
