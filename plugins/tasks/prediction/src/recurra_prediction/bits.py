"""What the tasks of bits share: outputs that are the probabilities of bits."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, GeneratedTask, Score

BITS = 5
"""Of a letter."""

Count = Annotated[int, Field(gt=0)]
Loss = Annotated[
    Literal["squared", "cross-entropy"], Field(description="training loss; squared in the paper")
]


class Bits(GeneratedTask):
    """A task whose answer is bits; the first O channels of its target are these bits.

    Args:
        seen: I, bits per step.
        put_out: O, bits per step.
        loss: `squared`, the mean of (target − σ(y))², or `cross-entropy`, in nats.
    """

    def __init__(self, seen: int, put_out: int, loss: str) -> None:
        super().__init__(seen, put_out)
        self.squared = loss == "squared"

    def bits_of(self, batch: Batch) -> Tensor:
        """Return the target bits, (B, T, O)."""
        return batch.target[..., : self.output_size]

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per bit."""
        y, target = y[batch.mask], self.bits_of(batch)[batch.mask]
        if self.squared:
            return (torch.sigmoid(y) - target).square().mean()
        return binary_cross_entropy_with_logits(y, target)

    def squared_errors(self, y: Tensor, batch: Batch) -> Tensor:
        """Return (target − σ(y))² of every bit, (B, T, O), in float64."""
        return (torch.sigmoid(y.double()) - self.bits_of(batch)).square()

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probability that each bit is one."""
        return torch.sigmoid(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who sees the future, for checks."""
        return 100 * (self.bits_of(batch) - 0.5)


def mean_where(values: Tensor, chosen: Tensor) -> Score:
    """Return the sum and number of the values (B, T, ...) at the chosen steps (B, T)."""
    found = values[chosen]
    return Score(float(found.sum()), found.numel())


def bits_of(letters: Tensor) -> Tensor:
    """Return the numbers of letters (...) as bits (..., 5), the most significant first."""
    places = torch.arange(BITS - 1, -1, -1)
    return ((letters[..., None] >> places) & 1).to(torch.get_default_dtype())


def letters_of(bits: Tensor) -> Tensor:
    """Return the numbers of letters (...) whose bits are (..., 5)."""
    return (bits.long() << torch.arange(BITS - 1, -1, -1)).sum(-1)
