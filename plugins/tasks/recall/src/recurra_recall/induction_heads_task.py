"""Induction heads: what followed a special symbol is asked for when it comes again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, Task
from recurra_recall.answers import OPTIMAL, Answers, guess

SHORTEST = 64


class InductionHeads(Answers):
    """Answer the special symbol at the end with the symbol that followed it the first time.

        a c b S d a c … b S        target d, at the last step

    All other symbols are random. The special one comes twice: at a random place, and at the end.

    Shapes: x (B, T) tokens: 0 to V − 2 symbols, V − 1 the special one; y (B, T, V), logits, scored at the
    last step.
    Scores: accuracy_percent, the sequences that are answered rightly; nats_per_answer, their cross-entropy.
    Baselines: constant, a uniform guess among the symbols; optimal.
    Suite: the length of training, and 64, 128, 256, … up to `longest`.
    Differs from the paper: it evaluates up to 2^20 = 1,048,576 steps, for which set `longest`.
    Source: Gu and Dao 2023, arXiv 2312.00752, sections 4.1.2 and E.1; the task goes back to Olsson et al.
    2022 and Dao et al. 2023.
    """

    stream = "InductionHeads"

    def __init__(
        self,
        *,
        length: Annotated[int, Field(ge=3, description="T, number of steps in training")] = 256,
        vocabulary: Annotated[int, Field(ge=3, description="V, number of tokens, with the special one")] = 16,
        longest: Annotated[int, Field(ge=3, description="longest sequence of the evaluation")] = 4096,
    ) -> None:
        super().__init__(vocabulary)
        self.length, self.longest, self.symbols = length, longest, vocabulary - 1

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the symbols, then the first place of the special one."""
        x = torch.randint(self.symbols, (batch_size, self.length), generator=rng)
        # What follows the first special symbol must be neither it nor the last step.
        place = torch.randint(self.length - 2, (batch_size, 1), generator=rng)
        x.scatter_(1, place, self.symbols)
        x[:, -1] = self.symbols
        last = torch.arange(self.length) == self.length - 1
        target = x.gather(1, place + 1) * last
        return Batch(x, target, last.repeat(batch_size, 1), torch.full((batch_size,), self.length))

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return a uniform guess among the symbols, and the right answer."""
        return {"constant": guess(self.symbols), "optimal": OPTIMAL}

    def suite(self) -> Mapping[str, Task]:
        """Return the task at its length, and at each power of two from 64 to `longest`."""
        powers = (SHORTEST << n for n in range(self.longest.bit_length()))
        lengths = sorted({self.length, *(n for n in powers if n <= self.longest)})
        return {f"length-{n}": InductionHeads(**{**self.options, "length": n}) for n in lengths}
