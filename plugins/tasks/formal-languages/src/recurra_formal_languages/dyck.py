"""Balanced brackets of several kinds, nested up to a depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot, pad

from recurra import Batch, Goal, InvalidOption, Task
from recurra_formal_languages.answers import NONE, Count, LegalSets, Tolerance
from recurra_formal_languages.automata import brackets

SUITE_LENGTHS = (50, 100, 200, 500)
OPEN, CLOSE = 0, 1


class Dyck(LegalSets):
    """Predict the set of legal next brackets of balanced strings, Dyck-(k, m): k kinds, depth at most m.

    Legal are, at every step: all k opening brackets unless the depth is m, the closing bracket that matches
    the last open one, and the end where all are closed. The length is uniform among the even numbers from
    `min_length` to `max_length`, the string of depths uniform among those of that length, and each pair's
    kind uniform.

    Shapes: x (B, T, 1 + 2 k), one-hot over the start symbol, k opening and k closing brackets;
    y (B, T, 2 k + 1), logits of k opening, k closing brackets and the end.
    Scores: rejected_share, the share of strings with a wrong output anywhere; steps_before_error, the steps
    that are right from the start; bit_errors, the wrong outputs per string.
    Differs from the paper: there a string ends by chance, and the score is the share of closing brackets that
    are predicted with enough confidence; here the length is drawn and whole legal sets count.
    Source: Hewitt et al. 2020 for the language; the prediction of sets follows Gers and Schmidhuber 2001.
    """

    stream = "Dyck"
    goal = Goal("rejected_share", below=NONE)

    def __init__(
        self,
        *,
        pairs: Annotated[Count, Field(description="k, kinds of brackets")] = 2,
        max_depth: Annotated[Count, Field(description="m, how many brackets may be open at once")] = 3,
        min_length: Annotated[Count, Field(description="fewest brackets")] = 2,
        max_length: Annotated[Count, Field(description="most brackets")] = 30,
        tolerance: Tolerance = 0.5,
    ) -> None:
        super().__init__(2 * pairs + 1, 2 * pairs + 1, tolerance)
        self.halves = (min_length + 1) // 2, max_length // 2
        if self.halves[0] > self.halves[1]:
            span = f"min_length = {min_length} to max_length = {max_length}"
            raise InvalidOption(
                f"Dyck: {span} holds no even number, and balanced strings have an even length"
            )
        self.pairs, self.max_depth = pairs, max_depth
        self.automaton = brackets(max_depth)
        self.shares = self.automaton.shares(self.automaton.ways(2 * self.halves[1]))

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, depths, and the kind of each opening bracket."""
        low, high = self.halves
        lengths = 2 * torch.randint(low, high + 1, (batch_size,), generator=rng)
        sides = self.automaton.draw(lengths, torch.ones_like(lengths), self.shares, rng)
        kinds = torch.randint(self.pairs, sides.shape, generator=rng)
        return self.strings(sides, kinds, lengths)

    def strings(self, sides: Tensor, kinds: Tensor, lengths: Tensor) -> Batch:
        """Return strings as a batch.

        Args:
            sides: Opening (0) or closing (1), (B, L), balanced within the lengths.
            kinds: The kind (B, L) that a bracket has if it opens.
            lengths: (B,).
        """
        t = torch.arange(sides.shape[1] + 1)
        live = t <= lengths[:, None]
        depth, top, symbols = self._stacked(sides, kinds, live[:, 1:])
        legal = torch.cat(
            [
                (depth < self.max_depth)[..., None].expand(-1, -1, self.pairs),
                one_hot(top, self.pairs).bool() & (depth > 0)[..., None],
                (depth == 0)[..., None],
            ],
            -1,
        )
        x = one_hot(torch.cat([torch.zeros_like(lengths[:, None]), 1 + symbols], 1), self.input_size)
        seen, target = x * live[..., None], legal & live[..., None]
        return Batch(seen.float(), target.float(), live, lengths + 1)

    def _stacked(self, sides: Tensor, kinds: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the depths and last open kinds, at the start and after each bracket, and the brackets."""
        opens, closes = (sides == OPEN) & live, (sides == CLOSE) & live
        depth = pad((opens.long() - closes.long()).cumsum(1), (1, 0))
        top = torch.zeros_like(depth)
        for level in range(1, self.max_depth + 1):
            opened = opens & (depth[:, 1:] == level)
            last = torch.where(opened, torch.arange(sides.shape[1]), 0).cummax(1).values
            top[:, 1:] = torch.where(depth[:, 1:] == level, kinds.gather(1, last), top[:, 1:])
        return depth, top, torch.where(closes, self.pairs + top[:, :-1], kinds)

    def suite(self) -> Mapping[str, Task]:
        """Return the task at the single lengths 50, 100, 200 and 500, with the same depth."""
        k, m, tolerance = self.pairs, self.max_depth, self.tolerance
        return {
            f"length-{n}": Dyck(pairs=k, max_depth=m, min_length=n, max_length=n, tolerance=tolerance)
            for n in SUITE_LENGTHS
        }
