"""The transductions of the Chomsky suite that evaluate expressions modulo five."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra_formal_languages.problem import Drawn, Problem, whole

MODULUS = 5
SYMBOLS = "01234+-*()x="
PLUS, MINUS, TIMES, OPEN, CLOSE, UNKNOWN, EQUALS = range(MODULUS, len(SYMBOLS))


def modular_arithmetic_simple(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Evaluate numbers joined by + − *, products first; an even length is made odd by one less."""
    terms = (length + 1) // 2
    numbers = torch.randint(MODULUS, (batch_size, terms), generator=rng)
    signs = torch.randint(PLUS, TIMES + 1, (batch_size, terms), generator=rng)
    symbols = torch.stack([numbers, signs], 2).flatten(1)[:, :-1]
    total, product = torch.zeros(batch_size, dtype=torch.int64), numbers[:, 0]
    for number, sign in zip(numbers.unbind(1)[1:], signs.unbind(1)[:-1], strict=True):
        multiplied = sign == TIMES
        total = torch.where(multiplied, total, total + product)
        fresh = torch.where(sign == MINUS, -number, number)
        product = torch.where(multiplied, product * number % MODULUS, fresh)
    return whole(symbols, (total + product) % MODULUS)


def modular_arithmetic(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Evaluate an expression with brackets and + − *."""
    symbols = _expressions(batch_size, length, TIMES, rng)
    return whole(symbols, evaluated(symbols))


def solve_equation(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the x that solves `expression with x = number`, with brackets and + −, so that there is one."""
    symbols = _expressions(batch_size, length - 2, MINUS, rng)
    values = evaluated(symbols)
    place = torch.arange(length - 2)
    start = torch.randint(length - 2, (batch_size, 1), generator=rng)
    # The first digit from a random place on, around the end.
    distance = torch.where(symbols < MODULUS, (place - start) % (length - 2), length)
    hidden = distance.argmin(1, keepdim=True)
    solution = symbols.gather(1, hidden)
    equals = torch.full((batch_size, 1), EQUALS)
    return whole(torch.cat([symbols.scatter(1, hidden, UNKNOWN), equals, values[:, None]], 1), solution)


def _expressions(batch_size: int, length: int, last_sign: int, rng: torch.Generator) -> Tensor:
    """Draw expressions of exactly that length: d, −d, (d), (−d), or (left sign right): (B, n).

    The length of the left part is uniform. A stack holds what is still to be written: symbols, stored as
    they are, and parts of a length, stored as its negative. Every turn writes one symbol.
    """
    digits = torch.randint(MODULUS, (batch_size, length), generator=rng)
    signs = torch.randint(PLUS, last_sign + 1, (batch_size, length), generator=rng)
    splits = torch.randint(2**31, (batch_size, length), generator=rng)
    rows = torch.arange(batch_size)
    stack = torch.zeros(batch_size, 2 * length + 8, dtype=torch.int64)
    stack[:, 0] = -length
    top = torch.zeros_like(rows)
    written = []
    for t in range(length):
        item = stack[rows, top]
        size = -item
        digit, minus, long = size == 1, size == 2, size >= 5
        symbol = torch.where(item >= 0, item, OPEN)
        symbol = torch.where(digit, digits[:, t], torch.where(minus, MINUS, symbol))
        written.append(symbol)
        left = 1 + splits[:, t] % (size - 4).clamp(min=1)
        inner = torch.where(minus, 1, torch.where(long, left, size - 2))
        top = top - 1
        bracketed = size >= 3
        for wanted, pushed in (
            (bracketed, torch.full_like(size, CLOSE)),
            (long, left + 3 - size),
            (long, signs[:, t]),
            (minus | bracketed, -inner),
        ):
            top = top + wanted
            place = top.clamp(min=0)
            stack[rows, place] = torch.where(wanted, pushed, stack[rows, place])
    return torch.stack(written, 1)


def evaluated(symbols: Tensor) -> Tensor:
    """Return the values, 0 to 4, of expressions in which every sign between two parts has brackets: (B,).

    Every open bracket has a frame: its value so far and the factor and sign with which the next value joins.
    """
    rows = torch.arange(len(symbols))
    frames = (len(symbols), symbols.shape[1] + 2)
    value, sign = torch.zeros(frames, dtype=torch.int64), torch.full(frames, PLUS)
    negative, waiting = torch.zeros(frames, dtype=torch.bool), torch.ones(frames, dtype=torch.bool)
    depth = torch.zeros_like(rows)
    for symbol in symbols.unbind(1):
        opens, closes = symbol == OPEN, symbol == CLOSE
        closed = value[rows, depth]
        depth = depth + opens.long() - closes.long()
        at = (rows, depth)
        operand = torch.where(closes, closed, symbol)
        complete, operator = closes | (symbol < MODULUS), (symbol >= PLUS) & (symbol <= TIMES)
        joined = _joined(value[at], sign[at], torch.where(negative[at], -operand, operand))
        value[at] = torch.where(opens, 0, torch.where(complete, joined, value[at]))
        binary = operator & ~waiting[at]
        sign[at] = torch.where(opens, PLUS, torch.where(binary, symbol, sign[at]))
        # A sign where a value is awaited is the sign of that value.
        negative[at] = (negative[at] | (operator & waiting[at])) & ~opens & ~complete
        waiting[at] = (waiting[at] | opens | binary) & ~complete
    return value[:, 0] % MODULUS


def _joined(value: Tensor, sign: Tensor, operand: Tensor) -> Tensor:
    result = torch.where(sign == TIMES, value * operand, value + operand)
    return torch.where(sign == MINUS, value - operand, result) % MODULUS


PROBLEMS = {
    "modular-arithmetic-simple": Problem(TIMES + 1, MODULUS, modular_arithmetic_simple),
    "modular-arithmetic": Problem(CLOSE + 1, MODULUS, modular_arithmetic),
    "solve-equation": Problem(len(SYMBOLS), MODULUS, solve_equation, shortest=3),
}
