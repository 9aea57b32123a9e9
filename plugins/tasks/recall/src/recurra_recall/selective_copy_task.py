"""Selective copying: the copy task with noise of random extent between the symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, InvalidOption, Task
from recurra_recall.answers import OPTIMAL, Answers, Count, guess
from recurra_recall.draws import distinct

NOISE = 0
SUITE_FACTORS = (1, 2, 4)


class SelectiveCopy(Answers):
    """Copy the symbols that lie at random places of a sequence of noise, in their order.

        · · a · b · · · c ·  ? ? ?        target a, b, c at the marks; copied = 3, length = 10

    The places differ from sequence to sequence, so a model without input-dependent dynamics, such as a
    convolution, cannot solve the task by counting steps.

    Shapes: x (B, T + copied) tokens: 0 noise, 1 to V − 2 symbols, V − 1 the mark; y (B, T + copied, V),
    logits, scored at the marks.
    Scores: accuracy_percent, the symbols that are copied rightly; nats_per_answer, their cross-entropy.
    Baselines: constant, a uniform guess among the symbols; optimal.
    Suite: the length times 1, 2 and 4.
    Differs from the paper: it uses T = 4,096 and does not say whether the mark is among its 16 tokens; here
    it is. The longer sequences of the suite are an addition.
    Source: Gu and Dao 2023, arXiv 2312.00752, sections 4.1.1 and E.1; the task goes back to Jing et al. 2019.

    Raises:
        InvalidOption: The symbols do not fit into the length.
    """

    stream = "SelectiveCopy"

    def __init__(
        self,
        *,
        length: Annotated[Count, Field(description="T, steps of noise and symbols before the marks")] = 256,
        copied: Annotated[Count, Field(description="number of symbols to copy")] = 16,
        vocabulary: Annotated[
            int, Field(ge=4, description="V, number of tokens, with the noise and the mark")
        ] = 16,
    ) -> None:
        super().__init__(vocabulary)
        if copied > length:
            raise InvalidOption(f"SelectiveCopy: copied = {copied} must not exceed length = {length}")
        self.length, self.copied, self.symbols = length, copied, vocabulary - 2

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the symbols and their places."""
        symbols = torch.randint(1, self.symbols + 1, (batch_size, self.copied), generator=rng)
        places = distinct(batch_size, self.copied, torch.ones(self.length), rng).sort(1).values
        x = torch.full((batch_size, self.length + self.copied), NOISE)
        x.scatter_(1, places, symbols)
        x[:, self.length :] = self.symbols + 1
        target = torch.zeros_like(x)
        target[:, self.length :] = symbols
        lengths = torch.full((batch_size,), x.shape[1])
        return Batch(x, target, x == self.symbols + 1, lengths)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return a uniform guess among the symbols, and the right answers."""
        return {"constant": guess(self.symbols), "optimal": OPTIMAL}

    def suite(self) -> Mapping[str, Task]:
        """Return the task at one, two and four times its length."""
        lengths = [factor * self.length for factor in SUITE_FACTORS]
        return {f"length-{n}": SelectiveCopy(**{**self.options, "length": n}) for n in lengths}
