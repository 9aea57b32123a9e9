"""Strings of the embedded Reber grammar, drawn for a whole batch at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SYMBOLS = "BTPSXVE"
B, T, P, S, X, V, E = range(7)
END = 5
SYMBOL = torch.tensor([[T, P], [S, X], [T, V], [X, S], [P, V], [E, E]])
"""The symbols of the two branches of each state of Reber's grammar, between its B and its E."""
NEXT = torch.tensor([[1, 2], [1, 3], [2, 4], [2, END], [3, END], [END, END]])
"""The states to which the branches lead; state 5 is the end."""


class Strings(NamedTuple):
    """Strings: symbols (N, L), 0 after the end; legal (N, L − 1, 7), the legal successors; lengths (N,)."""

    symbols: Tensor
    legal: Tensor
    lengths: Tensor

    def rows(self, picks: Tensor) -> Strings:
        """Return the selected strings, truncated to the longest of them."""
        lengths = self.lengths[picks]
        longest = int(lengths.max()) if len(lengths) else 2
        return Strings(self.symbols[picks, :longest], self.legal[picks, : longest - 1], lengths)

    def padded(self, steps: int) -> Strings:
        """Return the strings, padded to `steps` symbols."""
        more = steps - self.symbols.shape[1]
        symbols = torch.nn.functional.pad(self.symbols, (0, more))
        return Strings(symbols, torch.nn.functional.pad(self.legal, (0, 0, 0, more)), self.lengths)


def joined(first: Strings, second: Strings) -> Strings:
    """Concatenate two sets of strings."""
    steps = max(first.symbols.shape[1], second.symbols.shape[1])
    pair = zip(first.padded(steps), second.padded(steps), strict=True)
    return Strings(*(torch.cat(parts) for parts in pair))


def draw(count: int, rng: torch.Generator) -> Strings:
    """Draw strings: B, T or P, a string of Reber's grammar with its B and E, the same T or P, E."""
    outer = torch.tensor([T, P])[torch.randint(2, (count,), generator=rng)]
    states, inner = [torch.zeros(count, dtype=torch.int64)], []
    while bool((states[-1] != END).any()):
        branch = torch.randint(2, (count,), generator=rng)
        inner.append(SYMBOL[states[-1], branch])
        states.append(NEXT[states[-1], branch])
    return _embedded(outer, torch.stack(inner, 1), torch.stack(states, 1))


def _embedded(outer: Tensor, inner: Tensor, states: Tensor) -> Strings:
    """Embed walks through the grammar: outer symbols (N,), inner symbols (N, L), states (N, L + 1)."""
    count, row = len(outer), torch.arange(len(outer))
    ends = 3 + (states != END).sum(1)  # the position of the inner E
    symbols = torch.zeros(count, inner.shape[1] + 6, dtype=torch.int64)
    legal = torch.zeros(count, symbols.shape[1] - 1, 7, dtype=torch.bool)
    symbols[:, 1], symbols[:, 3:-3] = outer, inner
    symbols[row, ends], symbols[row, ends + 1], symbols[row, ends + 2] = E, outer, E
    follows = torch.zeros(END + 1, 7, dtype=torch.bool).scatter(1, SYMBOL, True)
    legal[:, 0, [T, P]] = True
    legal[:, 1, B] = True
    legal[:, 2 : 3 + inner.shape[1]] = follows[states]
    legal[row, ends] = torch.nn.functional.one_hot(outer, 7).bool()
    legal[row, ends + 1] = follows[END]
    live = torch.arange(symbols.shape[1]) < ends[:, None] + 3
    return Strings(symbols * live, legal & live[:, 1:, None], ends + 3)


def draw_others(count: int, known: Strings, rng: torch.Generator) -> Strings:
    """Draw strings that are not among the known ones."""
    found = known.rows(torch.arange(0))
    while len(found.lengths) < count:
        more = draw(count, rng)
        found = joined(found, more.rows((~_among(more, known)).nonzero()[:, 0]))
    return found.rows(torch.arange(count))


def _among(some: Strings, known: Strings) -> Tensor:
    """Return which strings (N,) are known. All end with E, so padding cannot make different ones equal."""
    steps = max(some.symbols.shape[1], known.symbols.shape[1])
    pair = some.padded(steps).symbols[:, None], known.padded(steps).symbols[None]
    return torch.eq(*pair).all(-1).any(1)
