"""The copy memory task, a common benchmark of recurrent networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, GeneratedTask, Goal, Score, Task
from recurra_long_lag.judged import Count

SUITE_LAGS = (100, 200, 300, 500, 1000)


class CopyMemory(GeneratedTask):
    """Output, after a long delay, the ten symbols at the beginning of the sequence.

    The input is ten symbols, uniform over 8, then T − 1 blanks, a delimiter, and ten blanks (or delimiters),
    during which the target is the ten symbols. The target of all earlier steps is a blank. All T + 20 steps
    are scored.

    Shapes: x (B, T + 20, 10) and y (B, T + 20, 10), the 8 symbols, blank and delimiter; x is one-hot, y are
    logits.
    Scores: nats_per_step, the cross-entropy that publications report: predicting blanks and then a uniform
    distribution, which requires no memory, scores 10 ln 8 / (T + 20); wrong_symbols, the number of wrong
    symbols among the ten, per sequence.
    Goal: fewer than 0.1 wrong symbols per sequence, a bound of our own.
    Differs from the paper: Bai et al. encode a symbol as one number from 0 to 9, which is not supported.
    Source: Arjovsky, Shah and Bengio 2016; with delimiters: Bai, Kolter and Koltun 2018. The problem goes
    back to Hochreiter and Schmidhuber 1997.
    """

    stream = "CopyMemory"
    goal = Goal("wrong_symbols", below=0.1)

    def __init__(
        self,
        *,
        length: Annotated[
            Count, Field(description="T, steps from the last symbol to the first answer")
        ] = 100,
        symbols: Annotated[int, Field(gt=1, description="number of different symbols")] = 8,
        copied: Annotated[Count, Field(description="number of symbols to copy")] = 10,
        recall: Annotated[
            Literal["blank", "delimiter"], Field(description="input while the symbols are the target")
        ] = "blank",
    ) -> None:
        super().__init__(symbols + 2, symbols + 2)
        self.length, self.symbols, self.copied = length, symbols, copied
        self.seen = symbols + (recall == "delimiter")

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the symbols."""
        symbols = torch.randint(self.symbols, (batch_size, self.copied), generator=rng)
        pause = torch.full((batch_size, self.length + self.copied), self.symbols)
        seen = torch.cat([symbols, pause], 1)
        seen[:, self.copied + self.length :] = self.seen
        seen[:, self.copied + self.length - 1] = self.symbols + 1
        due = torch.cat([pause, symbols], 1)
        x, target = (one_hot(part, self.input_size).to(torch.get_default_dtype()) for part in (seen, due))
        mask = torch.ones(due.shape, dtype=torch.bool)
        return Batch(x, target, mask, mask.sum(1))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per step, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return nats_per_step, and wrong_symbols per sequence."""
        nats = cross_entropy(y[batch.mask].double(), batch.target[batch.mask].double(), reduction="sum")
        recalled = y[:, -self.copied :].argmax(-1) != batch.target[:, -self.copied :].argmax(-1)
        return {
            "nats_per_step": Score(float(nats), float(batch.mask.sum())),
            "wrong_symbols": Score(float(recalled.sum()), batch.x.shape[0]),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to probabilities."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the answer, for checks."""
        return 100 * (batch.target - 0.5)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of symbol frequencies, of a guess without memory, and of the correct answer."""
        copied, steps = self.copied, self.length + 2 * self.copied
        share = copied / steps
        guess = share * math.log(self.symbols)
        usual = guess - share * math.log(share) - (1 - share) * math.log(1 - share)
        # A uniform guess is sometimes correct; the most frequent symbol is the blank, which never is.
        return {
            "constant": {"nats_per_step": usual, "wrong_symbols": float(copied)},
            "memoryless": {"nats_per_step": guess, "wrong_symbols": copied * (1 - 1 / self.symbols)},
            "optimal": {"nats_per_step": 0.0, "wrong_symbols": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the lags 100, 200, 300, 500 and 1,000."""
        return {f"lag-{n}": CopyMemory(**{**self.options, "length": n}) for n in SUITE_LAGS}
