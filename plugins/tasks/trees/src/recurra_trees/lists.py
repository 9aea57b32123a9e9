"""Nested lists: writing, evaluating and encoding them, vectorised over rows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from recurra_trees.arrange import NODE, Symbols

DIGITS = 10
OPERATORS = ("MIN", "MAX", "MED", "SUM_MOD")
FEWEST = 2
"""A list has at least two arguments."""
FIRST_DIGIT = NODE + 1
FIRST_OPERATOR = FIRST_DIGIT + DIGITS
END = FIRST_OPERATOR + len(OPERATORS)
GROWING = 0.5
"""Probability that an argument is a list while a row is shorter than requested; high enough to grow."""
NOTHING = -1
"""Marks positions after the end of a row."""


class Rules(NamedTuple):
    """Limits on the size of lists; see the options of `ListOps`."""

    nesting: float
    max_arguments: int
    max_depth: int
    min_length: int
    max_length: int


class Written(NamedTuple):
    """Nested lists as they are written.

    Shapes: tokens (B, L), -1 after the end; depth (B, L), the nesting depth of each token, 0 in the outermost
    list; operator and arguments (B, L), those of the list that ends at a token; value (B,).
    """

    tokens: Tensor
    depth: Tensor
    operator: Tensor
    arguments: Tensor
    value: Tensor


def written(batch_size: int, rules: Rules, rng: torch.Generator) -> Written:
    """Draw nested lists and evaluate them at the same time, one token of every row per step."""
    sizes = (batch_size, rules.max_length)
    writer = _Writer(
        rules,
        chances=torch.rand(sizes, generator=rng),
        wanted=torch.randint(FEWEST, rules.max_arguments + 1, sizes, generator=rng),
        operators=torch.randint(len(OPERATORS), sizes, generator=rng),
        digits=torch.randint(DIGITS, sizes, generator=rng),
    )
    steps = [writer.write(t) for t in range(rules.max_length)]
    tokens, depth, operator, arguments = (torch.stack(parts, 1) for parts in zip(*steps, strict=True))
    return Written(tokens, depth, operator, arguments, writer.value)


class _Writer:
    """Writes lists token by token, and tracks the missing and the present arguments of every open list."""

    def __init__(
        self, rules: Rules, chances: Tensor, wanted: Tensor, operators: Tensor, digits: Tensor
    ) -> None:
        self.rules, self.chances, self.wanted = rules, chances, wanted
        self.operators, self.digits = operators, digits
        batch_size, levels = len(chances), rules.max_depth + 1
        self.rows = torch.arange(batch_size)
        self.depth = torch.full((batch_size,), -1)  # the level of the innermost open list
        self.missing = torch.zeros(batch_size, levels, dtype=torch.int64)
        self.operator = torch.zeros(batch_size, levels, dtype=torch.int64)
        self.held = torch.zeros(batch_size, levels, DIGITS, dtype=torch.int64)  # counts of each value
        self.length = torch.ones(batch_size, dtype=torch.int64)  # of the row, if no further list is opened
        self.value = torch.zeros(batch_size, dtype=torch.int64)

    def write(self, t: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the tokens, their depth, and the operators and argument counts of lists that end here."""
        live = (self.depth >= 0) if t else torch.ones_like(self.depth, dtype=torch.bool)
        inner = self.depth.clamp(min=0)
        ends = live & (self.missing[self.rows, inner] == 0) if t else torch.zeros_like(live)
        opens = self._opens(t, live & ~ends)
        operator, held = self.operator[self.rows, inner], self.held[self.rows, inner]
        token = torch.where(opens, FIRST_OPERATOR + self.operators[:, t], FIRST_DIGIT + self.digits[:, t])
        token = torch.where(live, torch.where(ends, END, token), NOTHING)
        depth = torch.where(opens, self.depth + 1, inner)
        self._close(ends, applied(operator, held))
        self._fill(live & ~ends & ~opens, self.digits[:, t])
        self._open(opens, t)
        return token, depth, operator, held.sum(1)

    def _opens(self, t: int, may: Tensor) -> Tensor:
        """Return the rows that open a list: at random, at the first token, or to reach the minimum length."""
        if t == 0:
            return may
        fits = (self.length + FEWEST + 1 <= self.rules.max_length) & (self.depth < self.rules.max_depth)
        short = self.length < self.rules.min_length
        nests = self.chances[:, t] < torch.where(short, max(GROWING, self.rules.nesting), self.rules.nesting)
        return may & fits & (nests | (short & (self.missing.sum(1) == 1)))

    def _open(self, opens: Tensor, t: int) -> None:
        """Open lists inside the open ones, with as many of the drawn arguments as fit."""
        outer = self.depth.clamp(min=0)
        self._add(self.missing, opens & (self.depth >= 0), outer, -1)
        self.depth = self.depth + opens.long()
        at = self.depth.clamp(min=0)
        arguments = torch.minimum(self.wanted[:, t], self.rules.max_length - self.length - 1)
        self.length = self.length + torch.where(opens, arguments + 1, 0)
        for part, new in ((self.missing, arguments), (self.operator, self.operators[:, t])):
            part[self.rows, at] = torch.where(opens, new, part[self.rows, at])
        self.held[self.rows, at] = torch.where(opens[:, None], 0, self.held[self.rows, at])

    def _close(self, ends: Tensor, value: Tensor) -> None:
        """Close lists; their values become arguments of the enclosing lists."""
        self.depth = self.depth - ends.long()
        self.value = torch.where(ends & (self.depth < 0), value, self.value)
        self._hold(ends & (self.depth >= 0), value)

    def _fill(self, filled: Tensor, digit: Tensor) -> None:
        self._add(self.missing, filled, self.depth.clamp(min=0), -1)
        self._hold(filled, digit)

    def _hold(self, rows: Tensor, value: Tensor) -> None:
        at = (self.rows, self.depth.clamp(min=0), value)
        self.held[at] = self.held[at] + rows.long()

    def _add(self, part: Tensor, rows: Tensor, at: Tensor, number: int) -> None:
        part[self.rows, at] = part[self.rows, at] + number * rows.long()


def applied(operator: Tensor, held: Tensor) -> Tensor:
    """Apply operators (B,) to lists, given as counts of each digit (B, 10) -> (B,).

    The median of an even number of arguments is the mean of the two in the middle, rounded down.
    """
    digits, upto, count = torch.arange(DIGITS), held.cumsum(1), held.sum(1, keepdim=True)
    smallest = (upto > 0).int().argmax(1)
    largest = torch.where(held > 0, digits, 0).amax(1)
    low = (upto > torch.div(count - 1, 2, rounding_mode="floor").clamp(min=0)).int().argmax(1)
    high = (upto > torch.div(count, 2, rounding_mode="floor")).int().argmax(1)
    total = (held * digits).sum(1) % DIGITS
    found = torch.stack([smallest, largest, torch.div(low + high, 2, rounding_mode="floor"), total], 1)
    return found.gather(1, operator[:, None])[:, 0]


def symbols_of(lists: Written, form: str) -> list[Symbols]:
    """Return the symbols of lists in the given form, for `arranged`."""
    tokens, there = lists.tokens, lists.tokens != NOTHING
    key = 3 * torch.arange(tokens.shape[1])[None]
    ends, digit = tokens == END, there & (tokens < FIRST_OPERATOR)
    if form == "sequence":
        return [Symbols(there, key, tokens)]
    if form == "labelled":
        operator = lists.operator + FIRST_OPERATOR
        return [Symbols(digit, key, tokens), Symbols(ends, key, operator, lists.arguments)]
    node = torch.tensor(NODE)
    taken = Symbols(digit | ends, key + 1, node, 2)  # joins the tokens so far to an argument or to the end
    return [Symbols(there, key, tokens), taken, Symbols(ends & (lists.depth > 0), key + 2, node, 2)]
