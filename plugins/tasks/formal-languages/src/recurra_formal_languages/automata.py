"""Finite automata as tables: they read, count and draw strings for a whole batch at once."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Hashable, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

Arrows = Mapping[Any, Mapping[str, Hashable]]
"""State -> symbol -> next state."""

Shares: TypeAlias = list[list[list[list[float]]]]

REBER: Arrows = {
    0: {"T": 1, "P": 2},
    1: {"S": 1, "X": 3},
    2: {"T": 2, "V": 4},
    3: {"X": 2, "S": 5},
    4: {"P": 3, "V": 5},
}
"""Reber's grammar between its B and its E; state 5 is the end."""


class Walks(NamedTuple):
    """Random strings: symbols (N, L), the state after each (N, L) and lengths (N,)."""

    symbols: Tensor
    after: Tensor
    lengths: Tensor


class Automaton:
    """A deterministic finite automaton; a symbol without an arrow is illegal in that state.

    Args:
        symbols: The alphabet; a symbol's place in it is its number.
        arrows: State -> symbol -> next state. The first state is the start.
        accepting: The states in which a string may end.

    Attributes:
        follow: The next state by state and symbol (S, K), −1 where the symbol is illegal.
        successors: The same as nested lists.
        legal: Which symbols are legal in each state (S, K).
        accepts: Which states accept (S,).
    """

    def __init__(self, symbols: str, arrows: Arrows, accepting: Collection[Hashable]) -> None:
        names = list(arrows)
        number = {name: index for index, name in enumerate(names)}
        rows = [[number[row[s]] if s in row else -1 for s in symbols] for row in arrows.values()]
        self.successors = rows
        self.follow = torch.tensor(rows)
        self.legal = self.follow >= 0
        self.accepts = torch.tensor([name in accepting for name in names])

    def read(self, symbols: Tensor) -> Tensor:
        """Return the states passed through, the start first: legal symbols (B, T) -> (B, T + 1)."""
        states = [torch.zeros(len(symbols), dtype=torch.int64)]
        for column in symbols.unbind(1):
            states.append(self.follow[states[-1], column])
        return torch.stack(states, 1)

    def ways(self, longest: int) -> Tensor:
        """Return in how many ways a string can be completed: (2, longest + 1, S), as proportions.

        Entry (1, k, s) is the number of strings of k symbols that lead from s to acceptance, entry (0, k, s)
        the number that lead to another end, each in units of the largest such number of all states, since
        the numbers themselves outgrow any type.
        """
        ends = torch.stack([~self.accepts, self.accepts]).double()
        levels = [ends]
        for _ in range(longest):
            step = (levels[-1][:, self.follow.clamp(min=0)] * self.legal).sum(-1)
            levels.append(step / step.amax(1, keepdim=True).clamp(min=1e-300))
        return torch.stack(levels, 1)

    def shares(self, ways: Tensor) -> Shares:
        """Return the cumulative weights of next symbols, [2][longest + 1][S][K], from what `ways` returned.

        Entry [1][k][s][j] is the number of accepted strings that go on from s with one of the symbols 0 to j
        and then k more symbols, entry [0][k][s][j] that of the other strings, in units of their own.
        """
        weights = ways[:, :, self.follow.clamp(min=0)] * self.legal
        found: Shares = weights.cumsum(-1).tolist()
        return found

    def draw(self, lengths: Tensor, accepted: Tensor, shares: Shares, rng: torch.Generator) -> Tensor:
        """Draw strings uniformly among those of the given lengths and fates.

        Args:
            lengths: How long each string is (B,).
            accepted: Whether it must be accepted, 0 or 1 (B,); such a string must exist.
            shares: What `shares` returned for the longest of them.
            rng: The source of all randomness.

        Returns:
            Symbols (B, L), 0 past the length.
        """
        steps = int(lengths.max()) if len(lengths) else 0
        chance = torch.rand(len(lengths), steps, dtype=torch.float64, generator=rng)
        drawn = torch.zeros(len(lengths), steps, dtype=torch.int64)
        rows = zip(lengths.tolist(), accepted.tolist(), chance.tolist(), strict=True)
        strings = [self._string(shares[fate][:length], chances) for length, fate, chances in rows]
        drawn[torch.arange(steps) < lengths[:, None]] = torch.tensor(list(chain(*strings)), dtype=torch.int64)
        return drawn

    def _string(self, shares: list[list[list[float]]], chances: list[float]) -> list[int]:
        # In Python, whose numbers cost less than tensors of one number a string.
        state, string, last = 0, [], len(self.successors[0]) - 1
        for weights, chance in zip(reversed(shares), chances, strict=False):
            share = weights[state]
            symbol = bisect_right(share, chance * share[-1], hi=last)
            state = self.successors[state][symbol]
            string.append(symbol)
        return string

    def walk(self, count: int, rng: torch.Generator) -> Walks:
        """Follow arrows from the start, each legal one as likely, until an accepting state: (N, L)."""
        branches = self.legal.sum(1).clamp(min=1)
        sides = math.lcm(*branches.tolist())
        order = self.legal.int().argsort(stable=True, dim=1, descending=True)  # legal symbols first
        chosen = order.gather(
            1, torch.arange(sides) % branches[:, None]
        )  # symbol by state and side, (S, sides)
        stays = torch.arange(len(chosen))[:, None]
        target = torch.where(self.accepts[:, None], stays, self.follow.gather(1, chosen))
        state, lengths = torch.zeros(count, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
        symbols, after = [], []
        while bool((live := ~self.accepts[state]).any()):
            pick = state * sides + torch.randint(sides, (count,), generator=rng)
            state = target.take(pick)
            lengths = lengths + live
            symbols.append(chosen.take(pick))
            after.append(state)
        return Walks(torch.stack(symbols, 1), torch.stack(after, 1), lengths)


def embedded_reber() -> Automaton:
    """Return the automaton of B, T or P, a Reber string from its B to its E, the same T or P, and E."""
    arrows: dict[Any, Mapping[str, Hashable]] = {
        "start": {"B": "choice"},
        "choice": {"T": ("T", "begin"), "P": ("P", "begin")},
    }
    for outer in "TP":
        arrows[outer, "begin"] = {"B": (outer, 0)}
        for state, row in REBER.items():
            arrows[outer, state] = {symbol: (outer, target) for symbol, target in row.items()}
        arrows[outer, 5] = {"E": (outer, "return")}
        arrows[outer, "return"] = {outer: "last"}
    arrows["last"] = {"E": "end"}
    arrows["end"] = {}
    return Automaton("BTPSXVE", arrows, {"end"})


_TOMITA: dict[int, tuple[list[tuple[int, int]], set[int]]] = {
    1: ([(1, 0), (1, 1)], {0}),
    2: ([(2, 1), (0, 2), (2, 2)], {0}),
    # Even ones; odd ones; odd zeros after odd ones; even zeros or any ones after that; one too many.
    3: ([(0, 1), (2, 0), (3, 4), (2, 3), (4, 4)], {0, 1, 3}),
    4: ([(1, 0), (2, 0), (3, 0), (3, 3)], {0, 1, 2}),
    5: ([(1, 2), (0, 3), (3, 0), (2, 1)], {0}),
    6: ([(1, 2), (2, 0), (0, 1)], {0}),
    7: ([(0, 1), (2, 1), (2, 3), (4, 3), (4, 4)], {0, 1, 2, 3}),
}
"""Language -> the states that follow each state on 0 and on 1, and those that accept."""


def tomita(language: int) -> Automaton:
    """Return the smallest automaton of one of Tomita's languages, 1 to 7."""
    rows, accepting = _TOMITA[language]
    return Automaton("01", {s: {"0": zero, "1": one} for s, (zero, one) in enumerate(rows)}, accepting)


def brackets(max_depth: int) -> Automaton:
    """Return the automaton of balanced strings of one pair of brackets, nested at most so deep."""
    arrows = {
        depth: ({"(": depth + 1} if depth < max_depth else {}) | ({")": depth - 1} if depth else {})
        for depth in range(max_depth + 1)
    }
    return Automaton("()", arrows, {0})
