"""Long time lags with and without noise: experiment 2 of the LSTM paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, InvalidOption, Task
from recurra_long_lag.coding import coded, last_steps
from recurra_long_lag.judged import ALL_RIGHT, Count, Judged, Loss, share_answer

SUITE_LAGS = (50, 100, 200, 500, 1000)
TOLERANCES = {"2a": 0.25, "2b": 0.25, "2c": 0.2}


class LongLag(Judged):
    """Recall, after a long sequence of other symbols, whether x or y came first.

    2a: the sequence is y a_1 ... a_(p−1) y or x a_1 ... a_(p−1) x, with probability 1/2 each. The target is
    the next symbol at every step; a sequence is correct if all errors at all steps are below 0.25.
    2b: the p − 1 symbols in the middle are uniform over a_1 ... a_(p−1). The next symbol is trained at every
    step, but only the last is evaluated, with the same criterion.
    2c: b, then x or y, then q symbols uniform over a_1 ... a_p. After that, each step is another such symbol
    with probability 9/10, or else the trigger e, at which the target is the x or y. A sequence is correct if
    the errors of both outputs are below 0.2. The lag is at least q + 1.

    Shapes: 2a and 2b, x (B, p, p + 1) and y (B, p, p + 1), in the order a_1 ... a_(p−1), x, y; 2c, x
    (B, T, p + 4), in the order a_1 ... a_p, e, b, x, y, and y (B, T, 2), for x and y; T varies and is at
    least q + 3. y are logits.
    Scores: wrong_share, the fraction of sequences that are not correct, 0 of 10,000 in the paper;
    squared_error and absolute_error, the mean per evaluated output.
    Differs from the paper: the squared error is a mean instead of a sum. The paper's text states a
    probability of 1/10 for both alternatives; 9/10 and 1/10 are meant.
    Source: Hochreiter and Schmidhuber 1997, experiment 2.
    """

    stream = "LongLag"
    causal = True

    def __init__(
        self,
        *,
        experiment: Annotated[
            Literal["2a", "2b", "2c"], Field(description="which of the three variants")
        ] = "2a",
        p: Annotated[int, Field(gt=1, description="p of the paper: 2a and 2b, steps; 2c, distractors")] = 100,
        q: Annotated[Count | None, Field(description="2c: number of distractors in a row; none: p")] = None,
        loss: Loss = "squared",
    ) -> None:
        sizes = (p + 4, 2) if experiment == "2c" else (p + 1, p + 1)
        super().__init__(*sizes, TOLERANCES[experiment], loss)
        if q is not None and experiment != "2c":
            raise InvalidOption(f"LongLag: q = {q} belongs to experiment 2c; in {experiment} the lag is p")
        self.experiment, self.p, self.q = experiment, p, q or p

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw x or y for each sequence, then the symbols in between."""
        kind = torch.randint(2, (batch_size,), generator=rng)
        return self._triggered(kind, rng) if self.experiment == "2c" else self._framed(kind, rng)

    def _framed(self, kind: Tensor, rng: torch.Generator) -> Batch:
        """Return sequences of 2a and 2b: kind (B,), 0 for x and 1 for y."""
        p, frame = self.p, (self.p - 1 + kind)[:, None]
        middle = torch.arange(p - 1).expand(len(kind), -1)
        if self.experiment == "2b":
            middle = torch.randint(p - 1, middle.shape, generator=rng)
        lengths = torch.full((len(kind),), p)
        shown = coded(torch.cat([frame, middle, frame], 1), p + 1, lengths + 1)
        return Batch(shown[:, :-1], shown[:, 1:], torch.ones(len(kind), p, dtype=torch.bool), lengths)

    def _triggered(self, kind: Tensor, rng: torch.Generator) -> Batch:
        """Return sequences of 2c: kind (B,), 0 for x and 1 for y."""
        p, row = self.p, torch.arange(len(kind))
        waited = torch.empty(len(kind), dtype=torch.float64).geometric_(0.1, generator=rng).long() - 1
        lengths = self.q + 3 + waited
        steps = int(lengths.max()) if len(kind) else 1
        symbols = torch.randint(p, (len(kind), steps), generator=rng)
        symbols[:, 0], symbols[:, 1], symbols[row, lengths - 1] = p + 1, p + 2 + kind, p
        mask = last_steps(lengths, steps)
        due = torch.stack([1 - kind, kind], -1)[:, None] * mask[..., None]
        x = coded(symbols, p + 4, lengths)
        return Batch(x, due.to(x.dtype), mask, lengths)

    def judged(self, batch: Batch) -> Tensor:
        """Return the steps (B, T) at which outputs are evaluated: all in 2a, the last in 2b and 2c."""
        if self.experiment == "2a":
            return batch.mask
        steps = torch.arange(batch.mask.shape[1], device=batch.mask.device)
        return steps == batch.lengths.to(batch.mask.device)[:, None] - 1

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of the frequencies of the evaluated symbols, and of the correct answer."""
        p = self.p
        if self.experiment == "2a":
            squared = ((p - 1) / p * (1 - 1 / p) + (1 - 1 / (2 * p)) / p) / (p + 1)
        else:
            squared = 0.5 / self.output_size
        return {"constant": share_answer(0.5, squared), "optimal": ALL_RIGHT}

    def suite(self) -> Mapping[str, Task]:
        """Return 2c at the five lags of the paper; 2a and 2b unchanged, because p sets the input size."""
        if self.experiment == "2c":
            return {f"lag-{q}": self.altered(q=q) for q in SUITE_LAGS}
        return {f"lag-{self.p}": self.altered()}
