"""Pipelined XOR: the answer to two bits is due some steps later, when other bits are already coming in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Score, Task
from recurra_prediction.bits import Bits, Count, Loss, mean_where

MOST_DELAY = 100
SUITE_LENGTHS = (300, 1000)


class PipelinedXor(Bits):
    """At step t, output the XOR of the two random bits of step t − `delay`; new bits arrive at every step.

    Delay 1 asks for the bits of the step before. One layer cannot compute XOR, and units that see each other
    with a delay of one step compute a layer per step, so that `fully-recurrent` without a readout needs a
    delay of 1 at least: its y of step t is one layer above the x of step t, and two above that of t − 1.
    More delay is more to hold: a pair must survive while others are on their way behind it. A row is one
    stream; its first `delay` steps are not scored.

    Shapes: x (B, `length`, 2), y (B, `length`, 1), logits.
    Scores: wrong_share, the share of bits that are wrong after thresholding; squared_error, the mean squared
    error.
    Differs from the paper: its units show at t what they made of the input of t − 1, so that a delay of τ
    there is a delay of τ − 1 here. It shows one stream without an end; here every row is a new stream. Solved
    means here that fewer than 1 % of the bits are wrong.
    Source: Williams and Zipser 1989, "Pipelined XOR".
    """

    stream = "PipelinedXor"
    goal = Goal("wrong_share", below=0.01)

    def __init__(
        self,
        *,
        delay: Annotated[
            int, Field(ge=1, le=MOST_DELAY, description="steps from two bits to the output of their XOR")
        ] = 2,
        length: Annotated[Count, Field(description="steps per row")] = 300,
        loss: Loss = "squared",
    ) -> None:
        if delay >= length:
            raise InvalidOption(f"PipelinedXor: delay = {delay} must be less than length = {length}")
        super().__init__(2, 1, loss)
        self.delay, self.length = delay, length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw two bits of every step; their XOR is due `delay` steps later."""
        pairs = torch.randint(2, (batch_size, self.length, 2), generator=rng)
        xor = pairs.sum(-1, keepdim=True) % 2
        # What stands first comes from the end of the row, and is not scored.
        due = xor.roll(self.delay, 1)
        mask = (torch.arange(self.length) >= self.delay).repeat(batch_size, 1)
        x, target = (part.to(torch.get_default_dtype()) for part in (pairs, due))
        return Batch(x, target, mask, torch.full((batch_size,), self.length))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share and squared_error."""
        wrong = ((y > 0) != (batch.target > 0.5)).double()
        return {
            "wrong_share": mean_where(wrong, batch.mask),
            "squared_error": mean_where(self.squared_errors(y, batch), batch.mask),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one half for every bit scores, and the right answer."""
        return {
            "constant": {"wrong_share": 0.5, "squared_error": 0.25},
            "optimal": {"wrong_share": 0.0, "squared_error": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return streams of 300 and of 1,000 steps, with the same delay."""
        loss = self.options["loss"]
        return {f"length-{n}": PipelinedXor(delay=self.delay, length=n, loss=loss) for n in SUITE_LENGTHS}
