"""The continual embedded Reber grammar: strings without end and without a reset between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from recurra import Batch, Goal, Score, Task
from recurra_formal_languages.answers import NONE, LegalSets, Tolerance
from recurra_formal_languages.automata import embedded_reber

SYMBOLS = "BTPSXVE"
BEGIN, END = SYMBOLS.index("B"), SYMBOLS.index("E")
SHORTEST = 9
"""Symbols of the shortest embedded Reber string."""


class ContinualReber(LegalSets):
    """Predict, at every symbol of an endless stream, the set of symbols that may come next.

    The stream is embedded Reber strings, one right after the other: B, then T or P, then a string of the
    Reber grammar, then the same T or P, then E. Every branch has probability 1/2. Nothing marks where a
    string begins, and the state is never reset, so that a network has to learn to forget.

    Shapes: x (B, T, 7), one-hot over B T P S X V E; y (B, T, 7), logits.
    Scores: rejected_share, the share of streams with a wrong prediction; steps_before_error, the symbols
    before the first one, T for a whole stream: the paper's criterion, with T up to 1,000,000; bit_errors, the
    wrong outputs per stream; outer_errors, the share of wrong predictions of the second T or P, where half
    is what a network without memory of the string's start reaches.
    Differs from the paper: there a training stream ends with the first wrong prediction, here after `length`
    symbols; the paper's error is read as the absolute one, where its text may mean the squared one
    (tolerance=0.7); the loss is the cross-entropy, the paper's the squared error.
    Source: Gers, Schmidhuber and Cummins 2000, section 4; the grammar: Reber 1967, Cleeremans et al. 1989.
    """

    stream = "ContinualReber"
    goal = Goal("rejected_share", below=NONE)
    contract_options = {"test_length": 1000}

    def __init__(
        self,
        *,
        length: Annotated[int, Field(ge=20, description="T, length of a training stream")] = 200,
        test_length: Annotated[
            int, Field(ge=20, description="length of a test stream; 10**6 in the paper")
        ] = 10_000,
        tolerance: Tolerance = 0.49,
    ) -> None:
        super().__init__(len(SYMBOLS), len(SYMBOLS), tolerance)
        self.length, self.test_length = length, test_length
        self.automaton = embedded_reber()
        # The end of a string is the start of the next one.
        self.legal = torch.where(
            self.automaton.accepts[:, None], self.automaton.legal[0], self.automaton.legal
        )

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw enough strings for each stream, and join them."""
        strings = self.length // SHORTEST + 1
        walks = self.automaton.walk(batch_size * strings, rng)
        lengths = walks.lengths.view(batch_size, strings)
        begin = (lengths.cumsum(1) - lengths).view(-1, 1)
        t = torch.arange(walks.symbols.shape[1])
        place = begin + t  # of each symbol in its stream, (B * strings, L)
        used = (t < walks.lengths[:, None]) & (place < self.length)
        row = torch.arange(batch_size).repeat_interleave(strings)[:, None]
        into = (row * self.length + place)[used]
        symbols = torch.zeros(batch_size, self.length, dtype=torch.int64)
        after = torch.zeros_like(symbols)
        symbols.view(-1)[into] = walks.symbols[used]
        after.view(-1)[into] = walks.after[used]
        mask = torch.ones(batch_size, self.length, dtype=torch.bool)
        x = one_hot(symbols, len(SYMBOLS)).float()
        return Batch(x, self.legal[after].float(), mask, torch.full((batch_size,), self.length))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of legal sets, and outer_errors per prediction of the second T or P."""
        outer = (batch.x[..., END] > 0) & (batch.target[..., BEGIN] == 0)  # after the inner E
        missed = self.wrong(y, batch).any(-1) & outer
        return super().scores(y, batch) | {"outer_errors": Score(float(missed.sum()), float(outer.sum()))}

    def suite(self) -> Mapping[str, Task]:
        """Return streams of 1,000 symbols, the paper's bound of a good network, and of `test_length`."""
        lengths = sorted({1000, self.test_length})
        return {
            f"stream-{n}": ContinualReber(length=n, test_length=self.test_length, tolerance=self.tolerance)
            for n in lengths
        }
