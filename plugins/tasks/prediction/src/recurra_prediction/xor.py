"""XOR in time: of three bits two are random, and the third follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Score, Task
from recurra_prediction.bits import Bits, Count, Loss, mean_where

SUITE_TRIPLES = (100, 1000)


class XorInTime(Bits):
    """Predict each next bit of a stream of triples b1, b2, b1 XOR b2, with random b1 and b2.

    The third bit of a triple can be predicted, the other two cannot, so the error of a trained network is
    low only at every third step. A row is one stream; it begins with the first bit of a triple.

    Shapes: x (B, 3 N − 1, 1), y (B, 3 N − 1, 1), logits of the next bit; N is the number of triples.
    Scores: third_error, the mean squared error where the next bit is the third of its triple; other_error,
    where it is not (0.25 at best); third_wrong, the share of third bits that are wrong after thresholding.
    Differs from the paper: the paper shows one stream of 3,000 bits 600 times; here every row is a new
    stream, of 300 bits by default (`triples=1000` for 3,000). It gives no number for success; solved means
    here that fewer than 1 % of the third bits are wrong.
    Source: Elman 1990, "Exclusive-OR".
    """

    stream = "XorInTime"
    causal = True
    goal = Goal("third_wrong", below=0.01)

    def __init__(
        self,
        *,
        triples: Annotated[Count, Field(description="N, triples per row; 1000 in the paper")] = 100,
        loss: Loss = "squared",
    ) -> None:
        super().__init__(1, 1, loss)
        self.triples = triples

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw two bits of every triple; the third is their XOR."""
        pairs = torch.randint(2, (batch_size, self.triples, 2), generator=rng)
        triples = torch.cat([pairs, pairs.sum(-1, keepdim=True) % 2], -1)
        stream = triples.reshape(batch_size, -1, 1).to(torch.get_default_dtype())
        mask = torch.ones(batch_size, stream.shape[1] - 1, dtype=torch.bool)
        return Batch(stream[:, :-1], stream[:, 1:], mask, mask.sum(1))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return third_error, other_error and third_wrong."""
        errors, third = self.squared_errors(y, batch), self._third(batch)
        return {
            "third_error": mean_where(errors, third),
            "other_error": mean_where(errors, batch.mask & ~third),
            "third_wrong": mean_where(((y > 0) != (batch.target > 0.5)).double(), third),
        }

    def _third(self, batch: Batch) -> Tensor:
        """Return at which steps (B, T) the next bit is the third of its triple."""
        return batch.mask & (torch.arange(batch.mask.shape[1], device=batch.mask.device) % 3 == 1)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one half for every bit scores, and what is possible."""
        return {
            "constant": {"third_error": 0.25, "other_error": 0.25, "third_wrong": 0.5},
            "optimal": {"third_error": 0.0, "other_error": 0.25, "third_wrong": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the task with 100 triples, and with the paper's 1,000."""
        loss = self.options["loss"]
        return {f"triples-{n}": XorInTime(triples=n, loss=loss) for n in SUITE_TRIPLES}
