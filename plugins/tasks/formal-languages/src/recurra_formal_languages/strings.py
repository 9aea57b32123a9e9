"""The transductions of the Chomsky suite that move or count symbols."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra_formal_languages.problem import Drawn, Problem, ended, whole

CYCLE = 5
POP, PUSH, END_OF_STACK = 2, 3, 2
HOLE, FILLER = 2, 3
BUCKETS = 5


def _drawn(high: int, batch_size: int, length: int, rng: torch.Generator) -> Tensor:
    return torch.randint(high, (batch_size, length), generator=rng)


def even_pairs(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Say whether the number of 01 and 10 in a bit string is odd."""
    bits = _drawn(2, batch_size, length, rng)
    return whole(bits, (bits[:, 1:] != bits[:, :-1]).sum(1) % 2)


def parity_check(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Say whether the number of ones is odd."""
    bits = _drawn(2, batch_size, length, rng)
    return whole(bits, bits.sum(1) % 2)


def cycle_navigation(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Say where on a circle of five places steps back (0), none (1) and ahead (2) lead, from place 0."""
    moves = _drawn(3, batch_size, length, rng)
    return whole(moves, (moves - 1).sum(1) % CYCLE)


def stack_manipulation(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give, from the top, the stack that a start and then pops (2) and pushes of 0 (3) and 1 (4) leave.

    The start is the first symbols, bottom first, of uniform number from 1 to n − 1; a pop of nothing is none.
    """
    height = torch.randint(1, max(length, 2), (batch_size,), generator=rng)
    bits, actions = _drawn(2, batch_size, length, rng), _drawn(3, batch_size, length, rng) + POP
    symbols = torch.where(torch.arange(length) < height[:, None], bits, actions)
    stack, size = _stack_after(symbols)
    from_top = (size[:, None] - 1 - torch.arange(length + 1)).clamp(min=0)
    return ended(symbols, stack.gather(1, from_top), size, END_OF_STACK)


def _stack_after(symbols: Tensor) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(symbols))
    stack = torch.zeros(len(symbols), symbols.shape[1] + 1, dtype=torch.int64)
    size = torch.zeros_like(rows)
    for symbol in symbols.unbind(1):
        pops = symbol == POP
        pushed = torch.where(symbol >= PUSH, symbol - PUSH, symbol)
        stack[rows, size] = torch.where(pops, stack[rows, size], pushed)
        size = torch.where(pops, (size - 1).clamp(min=0), size + 1)
    return stack, size


def reverse_string(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the bits in the opposite order."""
    bits = _drawn(2, batch_size, length, rng)
    return whole(bits, bits.flip(1))


def duplicate_string(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the bits twice."""
    bits = _drawn(2, batch_size, length, rng)
    return whole(bits, torch.cat([bits, bits], 1))


def missing_duplicate(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the bit that is missing (2) in a string shown twice; an odd length ends with a filler (3)."""
    half = _drawn(2, batch_size, length // 2, rng)
    double = torch.cat([half, half], 1)
    hole = torch.randint(double.shape[1], (batch_size, 1), generator=rng)
    filler = torch.full((batch_size, length % 2), FILLER)
    return whole(torch.cat([double.scatter(1, hole, HOLE), filler], 1), double.gather(1, hole))


def odds_first(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the first, third, fifth ... bit, then the second, fourth ..."""
    bits = _drawn(2, batch_size, length, rng)
    return whole(bits, torch.cat([bits[:, ::2], bits[:, 1::2]], 1))


def bucket_sort(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the numbers 0 to 4 in ascending order."""
    numbers = _drawn(BUCKETS, batch_size, length, rng)
    return whole(numbers, numbers.sort(1).values)


PROBLEMS = {
    "even-pairs": Problem(2, 2, even_pairs),
    "parity-check": Problem(2, 2, parity_check),
    "cycle-navigation": Problem(3, CYCLE, cycle_navigation),
    "stack-manipulation": Problem(5, 3, stack_manipulation),
    "reverse-string": Problem(2, 2, reverse_string),
    "duplicate-string": Problem(2, 2, duplicate_string),
    "missing-duplicate": Problem(4, 2, missing_duplicate, shortest=2),
    "odds-first": Problem(2, 2, odds_first),
    "bucket-sort": Problem(BUCKETS, BUCKETS, bucket_sort),
}
