"""Finite automata as tables: they read, count and draw strings for a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

Arrows = Mapping[Any, Mapping[str, Hashable]]
"""State -> symbol -> next state."""

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
        legal: Which symbols are legal in each state (S, K).
        accepts: Which states accept (S,).
    """

    def __init__(self, symbols: str, arrows: Arrows, accepting: Collection[Hashable]) -> None:
        names = list(arrows)
        number = {name: index for index, name in enumerate(names)}
        rows = [[number[row[s]] if s in row else -1 for s in symbols] for row in arrows.values()]
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

    def draw(self, lengths: Tensor, accepted: Tensor, ways: Tensor, rng: torch.Generator) -> Tensor:
        """Draw strings uniformly among those of the given lengths and fates.

        Args:
            lengths: How long each string is (B,).
            accepted: Whether it must be accepted, 0 or 1 (B,); such a string must exist.
            ways: What `ways` returned for the longest of them.
            rng: The source of all randomness.

        Returns:
            Symbols (B, L), arbitrary ones past the length.
        """
        steps = int(lengths.max()) if len(lengths) else 0
        chance = torch.rand(len(lengths), steps, dtype=torch.float64, generator=rng)
        state, drawn = torch.zeros_like(lengths), torch.zeros(len(lengths), steps, dtype=torch.int64)
        for t in range(steps):
            left = (lengths - t - 1).clamp(min=0)
            following = self.follow[state]
            weight = ways[accepted[:, None], left[:, None], following.clamp(min=0)] * (following >= 0)
            shares = weight.cumsum(1)
            symbol = (chance[:, t, None] * shares[:, -1:] >= shares).sum(1)
            live = t < lengths
            drawn[:, t] = torch.where(live, symbol, 0)
            state = torch.where(live, following.gather(1, drawn[:, t, None])[:, 0], state)
        return drawn

    def walk(self, count: int, rng: torch.Generator) -> Walks:
        """Follow arrows from the start, each legal one as likely, until an accepting state: (N, L)."""
        branches = self.legal.sum(1)
        sides = math.lcm(*branches[branches > 0].tolist())
        order = self.legal.int().argsort(stable=True, dim=1, descending=True)  # legal symbols first
        state, lengths = torch.zeros(count, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
        symbols, after = [], []
        while bool((live := ~self.accepts[state]).any()):
            pick = torch.randint(sides, (count,), generator=rng) % branches[state].clamp(min=1)
            symbol = order[state, pick]
            state = torch.where(live, self.follow[state, symbol], state)
            lengths = lengths + live
            symbols.append(symbol)
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
