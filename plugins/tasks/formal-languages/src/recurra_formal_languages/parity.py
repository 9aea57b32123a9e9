"""The parity of a long sequence, to be told at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, Goal, InvalidOption, Task
from recurra_formal_languages.answers import NONE, Count, Verdicts, verdict_references

SUITE_LENGTHS = (10, 50, 100, 500, 1000)


class Parity(Verdicts):
    """Tell at the end of a sequence of 1 and −1 whether the number of ones is odd.

    Shapes: x (B, T, 1), 1 or −1, each with probability 1/2; T uniform from `min_length` to `max_length`;
    y (B, T, 1), the logit that the number is odd, scored at the last step.
    Scores: wrong_share, the share of wrong verdicts (a half for a blind guess); bits_per_verdict, their
    cross-entropy.
    Differs from the paper: which of odd and even is 1 is our choice, and so is the decision at 1/2: the paper
    accepts a network when all errors on its training set are small.
    Source: Schmidhuber and Hochreiter 1996, sequences of 500 to 600 steps, as in Bengio et al. 1994.
    """

    stream = "Parity"
    goal = Goal("wrong_share", below=NONE)

    def __init__(
        self,
        *,
        min_length: Annotated[Count, Field(description="shortest sequence")] = 500,
        max_length: Annotated[Count, Field(description="longest sequence")] = 600,
    ) -> None:
        super().__init__(1)
        if min_length > max_length:
            raise InvalidOption(
                f"Parity: min_length = {min_length} must not exceed max_length = {max_length}"
            )
        self.min_length, self.max_length = min_length, max_length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a length for each sequence, then that many signs."""
        lengths = torch.randint(self.min_length, self.max_length + 1, (batch_size,), generator=rng)
        t = torch.arange(int(lengths.max()) if batch_size else self.min_length)
        ones = torch.randint(2, (batch_size, len(t)), generator=rng) * (t < lengths[:, None])
        last = t == lengths[:, None] - 1
        x = (2 * ones - 1) * (t < lengths[:, None])
        odd = (ones.cumsum(1) % 2) * last
        return Batch(x[..., None].float(), odd[..., None].float(), last, lengths)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return a blind guess (`constant`), wrong half of the time, and the right verdict (`optimal`)."""
        return verdict_references(0.5)

    def suite(self) -> Mapping[str, Task]:
        """Return the task at the single lengths 10, 50, 100, 500 and 1,000."""
        return {f"length-{n}": Parity(min_length=n, max_length=n) for n in SUITE_LENGTHS}
