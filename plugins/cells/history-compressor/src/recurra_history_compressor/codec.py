"""Lossless compression with any weights: what a hierarchy did not expect, and when, is the whole sequence.

Both directions ask the same question, "what do you expect next?", of the same net after the same inputs. That
is lossless if the answer is the same to the bit, and a matrix product of many rows need not have the bits of
a product of one. So both directions go through `_Reader` alone, which computes in float64 on the CPU, one
sequence and one input at a time, with every input in a tensor of its own (products may also depend on how
memory is aligned). The batch, dtype and device that the weights are used with elsewhere then make no
difference. What remains fixed is the weights, and torch with its number of threads on one kind of CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from recurra import InvalidInput, InvalidOption
from recurra_history_compressor.level import Level

INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Surprise(NamedTuple):
    """An input of some level: a symbol, and one elapsed time from each level below, lowest first.

    At the lowest level that is a symbol alone. In a `Compressed` it is what the highest level did not expect:
    `elapsed[0]` counts steps of the sequence since the lowest level's last surprise, `elapsed[1]` the inputs
    of the second level since its own, and so on.
    """

    symbol: int
    elapsed: tuple[int, ...] = ()


class Compressed(NamedTuple):
    """A sequence: what the highest level did not expect, and how many inputs each level had after its last.

    Args:
        surprises: In the order in which they occurred.
        rest: Expected inputs at the end, level by level, lowest first.
    """

    surprises: tuple[Surprise, ...]
    rest: tuple[int, ...]


class _Reader:
    """One level at work on one sequence."""

    def __init__(self, level: Level) -> None:
        self.level, self.state = level, level.initial_state(1)
        self.live = torch.ones(1, dtype=torch.bool)

    def expects(self) -> Surprise | None:
        """Return the input that would be no surprise; None before the first and without confidence."""
        symbol, elapsed, confident = self.level.expects(self.state.h)
        known = bool(self.state.seen) and bool(confident)
        return Surprise(int(symbol), tuple(elapsed[0].tolist())) if known else None

    def read(self, seen: Surprise) -> None:
        """Advance by one input."""
        x = F.one_hot(torch.tensor([seen.symbol]), self.level.symbols).double()
        elapsed = torch.tensor([seen.elapsed], dtype=torch.int64).reshape(1, -1)
        _, _, self.state = self.level.step(x, elapsed, self.live, self.state)


def compress(levels: Sequence[Level], symbols: Tensor, lengths: Tensor | None = None) -> list[Compressed]:
    """Keep of each sequence only what the highest level did not expect, with its elapsed times.

    Args:
        levels: From the lowest up; their weights must not change before `reconstruct`.
        symbols: (B, T) integers from 0 to A − 1.
        lengths: (B,) valid symbols of each row, or None for all.

    Raises:
        InvalidInput: A symbol is out of range, or a tensor has the wrong shape or dtype.
        InvalidOption: There are several levels but no times, without which information is lost.
    """
    rows = _rows(levels[0].symbols, symbols, lengths)
    with torch.no_grad():
        readable = _canonical(levels)
        return [_compress(readable, [Surprise(symbol) for symbol in row]) for row in rows]


def reconstruct(levels: Sequence[Level], compressed: Iterable[Compressed]) -> list[Tensor]:
    """Return the symbols (T,) of each sequence exactly, on the CPU, given the weights that compressed it.

    Raises:
        InvalidInput: A sequence was not made by as many levels, or holds an impossible number.
        InvalidOption: There are several levels but no times.
    """
    codes = list(compressed)
    for code in codes:
        _check_code(levels, code)
    with torch.no_grad():
        readable = _canonical(levels)
        return [torch.tensor(_reconstruct(readable, code), dtype=torch.int64) for code in codes]


def _canonical(levels: Sequence[Level]) -> list[Level]:
    if any(upper.clocks != lower.clocks + 1 for lower, upper in pairwise(levels)):
        message = "several levels lose information without the times of surprises"
        raise InvalidOption(f"time_bits = 0: {message}; set time_bits > 0, or use one level")
    return [copy.deepcopy(level).cpu().double().eval() for level in levels]


def _compress(levels: Sequence[Level], inputs: list[Surprise]) -> Compressed:
    rest = []
    for level in levels:
        reader, unexpected, since = _Reader(level), list[Surprise](), 0
        for seen in inputs:
            since += 1
            if reader.expects() != seen:
                unexpected.append(Surprise(seen.symbol, (*seen.elapsed, since)))
                since = 0
            reader.read(seen)
        rest.append(since)
        inputs = unexpected
    return Compressed(tuple(inputs), tuple(rest))


def _reconstruct(levels: Sequence[Level], code: Compressed) -> list[int]:
    unexpected = list(code.surprises)
    for level, rest in reversed(list(zip(levels, code.rest, strict=True))):
        unexpected = _inputs(_Reader(level), unexpected, rest)
    return [seen.symbol for seen in unexpected]


def _inputs(reader: _Reader, unexpected: list[Surprise], rest: int) -> list[Surprise]:
    """Return all inputs of a level, given those that it did not expect and how many followed the last."""
    inputs = list[Surprise]()
    stretches = [(s.elapsed[-1] - 1, Surprise(s.symbol, s.elapsed[:-1])) for s in unexpected]
    for expected, surprise in [*stretches, (rest, None)]:
        for _ in range(expected):
            inputs.append(_expected(reader))
            reader.read(inputs[-1])
        if surprise is not None:
            inputs.append(surprise)
            reader.read(surprise)
    return inputs


def _expected(reader: _Reader) -> Surprise:
    found = reader.expects()
    if found is None:
        raise InvalidInput("compressed: it was made with other weights, or the weights have changed")
    return found


def _rows(alphabet: int, symbols: Tensor, lengths: Tensor | None) -> list[list[int]]:
    wanted = f"symbols must be a tensor (batch, time) of integers from 0 to {alphabet - 1}"
    if not isinstance(symbols, Tensor):
        raise InvalidInput(f"{wanted}, got {type(symbols).__name__}")
    if symbols.dim() != 2 or symbols.dtype not in INTEGER_DTYPES:
        raise InvalidInput(f"{wanted}, got {tuple(symbols.shape)} of {symbols.dtype}")
    rows: list[list[int]] = symbols.tolist()
    if lengths is not None:
        rows = [row[:length] for row, length in zip(rows, _lengths(symbols, lengths), strict=True)]
    found = {symbol for row in rows for symbol in row if not 0 <= symbol < alphabet}
    if found:
        raise InvalidInput(f"{wanted}, got {min(found)}")
    return rows


def _lengths(symbols: Tensor, lengths: Tensor) -> list[int]:
    batch_size, steps = symbols.shape
    wanted = f"lengths must be a tensor ({batch_size},) of integers from 0 to {steps}"
    if not isinstance(lengths, Tensor):
        raise InvalidInput(f"{wanted}, got {type(lengths).__name__}")
    if lengths.shape != (batch_size,) or lengths.dtype not in INTEGER_DTYPES:
        raise InvalidInput(f"{wanted}, got {tuple(lengths.shape)} of {lengths.dtype}")
    numbers: list[int] = lengths.tolist()
    if not all(0 <= number <= steps for number in numbers):
        raise InvalidInput(f"{wanted}, got {numbers}")
    return numbers


def _check_code(levels: Sequence[Level], code: Compressed) -> None:
    sizes = {len(code.rest), *(len(s.elapsed) for s in code.surprises)}
    if sizes != {len(levels)}:
        raise InvalidInput(f"compressed: expected times from {len(levels)} levels, got {sorted(sizes)}")
    symbols_fit = all(0 <= s.symbol < levels[0].symbols for s in code.surprises)
    times_fit = all(time > 0 for s in code.surprises for time in s.elapsed)
    if not symbols_fit or not times_fit or min(code.rest) < 0:
        raise InvalidInput("compressed: it contains an impossible symbol or time")
