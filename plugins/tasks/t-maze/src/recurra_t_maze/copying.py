"""The copy task with the fitness of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, GeneratedTask, Goal, InvalidOption, Score, Split, Task

TOLERANCE = 0.25
"""An output that is further than this from its bit counts nothing."""
SUITE_LENGTHS = (10, 30, 100)

Count = Annotated[int, Field(gt=0)]


class ENTMCopy(GeneratedTask):
    """Output L vectors of bits that were shown before.

        [start, delimiter, bits]:   start | L vectors | delimiter | an idle step | L steps for the answer

    Shapes: x (B, 2 L + 3, 2 + bits), y (B, T, bits) logits, answers at the last L steps of a row.
    Scores: fitness, the mean over bits and answers of max(0, 1 − |t − σ(y)|/0.25), each sequence by its own
    length; wrong_share, the sequences with a bit on the wrong side.
    The loss is the cross-entropy of a bit, which the paper has no use for.
    In the paper, and with `fixed`, training shows the same sequences in every generation, 50 there.
    Source: Greve, Jacobsen and Risi 2016, and the authors' program ("strict-close").
    """

    stream = "ENTMCopy"
    goal = Goal("fitness", above=0.999)

    def __init__(
        self,
        *,
        bits: Annotated[Count, Field(description="bits per vector")] = 8,
        shortest: Annotated[Count, Field(description="minimum number of vectors in a sequence")] = 1,
        longest: Annotated[Count, Field(description="maximum number of vectors in a sequence")] = 10,
        fixed: Annotated[bool, Field(description="use the same training batch in every generation")] = False,
    ) -> None:
        if shortest > longest:
            raise InvalidOption(f"ENTMCopy: shortest = {shortest} must not exceed longest = {longest}")
        super().__init__(bits + 2, bits)
        self.bits, self.shortest, self.longest, self.fixed = bits, shortest, longest, fixed

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return batch k of a split; with `fixed`, batch 0 for every one of training."""
        again = self.fixed and split == "train"
        return super().batch(0 if again else k, batch_size=batch_size, seed=seed, split=split)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, the same for each number of vectors, and bits."""
        n = torch.randint(self.shortest, self.longest + 1, (batch_size, 1), generator=rng)
        most = int(n.max()) if batch_size else 1
        t = torch.arange(2 * most + 3)
        bits = torch.randint(2, (batch_size, most, self.bits), generator=rng).to(torch.get_default_dtype())
        shown, asked = (t >= 1) & (t <= n), (t >= n + 3) & (t < 2 * n + 3)
        x = torch.zeros(batch_size, len(t), self.input_size)
        x[:, 0, 0] = 1
        x[..., 1] = t == n + 1
        x[..., 2:] = _at(bits, t - 1, shown)
        return Batch(x, _at(bits, t - n - 3, asked), asked, 2 * n[:, 0] + 3)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of a bit."""
        return binary_cross_entropy_with_logits(y[batch.mask], batch.target[batch.mask].to(y.dtype))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the fitness, and the share of wrong sequences."""
        error = (batch.target - y.sigmoid()).abs()
        near = (1 - error.clamp(max=TOLERANCE) / TOLERANCE).mean(-1) * batch.mask
        fitness = near.sum(1) / batch.mask.sum(1)
        wrong = (((y > 0) != (batch.target > 0.5)).any(-1) & batch.mask).any(1)
        return {
            "fitness": Score(float(fitness.double().sum()), len(y)),
            "wrong_share": Score(float(wrong.sum()), len(y)),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Return the probability of each bit."""
        return y.sigmoid()

    def oracle(self, batch: Batch) -> Tensor:
        """Return the right answers (B, T, O)."""
        return (2 * batch.target - 1) * 20

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the best that one output for all steps reaches, score by score, and the right answer."""
        lengths = range(self.shortest, self.longest + 1)
        lucky = sum(2.0 ** (-self.bits * n) for n in lengths) / len(lengths)
        constant = {"fitness": 0.5, "wrong_share": 1 - lucky}
        return {"constant": constant, "optimal": {"fitness": 1.0, "wrong_share": 0.0}}

    def suite(self) -> Mapping[str, Task]:
        """Return sequences of 10, 30 and 100 vectors."""
        return {f"length-{n}": ENTMCopy(bits=self.bits, shortest=n, longest=n) for n in SUITE_LENGTHS}


def _at(bits: Tensor, index: Tensor, where: Tensor) -> Tensor:
    """Return vectors (B, T, bits): number `index` (B, T) of each row, and zeros where there is none."""
    index = index.expand_as(where)
    chosen = index.clamp(0, bits.shape[1] - 1)[..., None].expand(-1, -1, bits.shape[2])
    return bits.gather(1, chosen) * where[..., None]
