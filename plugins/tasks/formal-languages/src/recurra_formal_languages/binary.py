"""The transductions of the Chomsky suite that calculate with binary numbers of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra_formal_languages.problem import Drawn, Problem, ended, whole

SEPARATOR, END = 2, 2

# Numbers of hundreds of bits fit no type of torch: NumPy arrays of Python integers hold them exactly.
Numbers = Any


def numbers_of(bits: Tensor) -> Numbers:
    """Return the numbers that bits (B, n) write, the lowest first."""
    powers = np.array([1 << place for place in range(bits.shape[1])], dtype=object)
    return bits.numpy().astype(object) @ powers


def bits_of(numbers: Numbers, width: int) -> Tensor:
    """Return the lowest bits of numbers, the lowest first: (B, width)."""
    places = np.arange(width).astype(object)
    return torch.from_numpy((numbers[:, None] >> places & 1).astype(np.int64))


def binary_addition(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the sum of two binary numbers, the lowest bit first, and an end symbol, in n + 1 steps."""
    return _calculated(batch_size, length, length + 1, np.add, rng)


def binary_multiplication(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the product of two binary numbers, the lowest bit first, and an end symbol, in n steps."""
    return _calculated(batch_size, length, length, np.multiply, rng)


def _calculated(
    batch_size: int, length: int, steps: int, operation: Callable[..., Any], rng: torch.Generator
) -> Drawn:
    """Draw two positive numbers with a separator between them, its place uniform, and give the result."""
    place = torch.arange(length)
    middle = torch.randint(1, length - 1, (batch_size, 1), generator=rng)
    bits = torch.randint(2, (batch_size, length), generator=rng)
    while bool((zero := _zero(bits, place, middle)).any()):
        bits = torch.where(zero[:, None], torch.randint(2, bits.shape, generator=rng), bits)
    first = numbers_of(bits * (place < middle))
    # The separator's place itself is a factor of two too many.
    second = numbers_of(bits * (place > middle)) >> (middle[:, 0].numpy().astype(object) + 1)
    result = operation(first, second)
    lengths = np.frompyfunc(int.bit_length, 1, 1)(result).astype(np.int64)
    symbols = torch.where(place == middle, SEPARATOR, bits)
    return ended(symbols, bits_of(result, steps), torch.from_numpy(lengths), END)


def _zero(bits: Tensor, place: Tensor, middle: Tensor) -> Tensor:
    """Return in which rows one of the two numbers is zero."""
    return ~((bits * (place < middle)).any(1) & (bits * (place > middle)).any(1))


def compute_sqrt(batch_size: int, length: int, rng: torch.Generator) -> Drawn:
    """Give the square root of a positive number, rounded down, the highest bit first in both."""
    bits = torch.randint(2, (batch_size, length), generator=rng)
    while bool((zero := ~bits.any(1)).any()):
        bits = torch.where(zero[:, None], torch.randint(2, bits.shape, generator=rng), bits)
    roots = np.frompyfunc(math.isqrt, 1, 1)(numbers_of(bits.flip(1)))
    return whole(bits, bits_of(roots, (length + 1) // 2).flip(1))


PROBLEMS = {
    "binary-addition": Problem(3, 3, binary_addition, shortest=3),
    "binary-multiplication": Problem(3, 3, binary_multiplication, shortest=3),
    "compute-sqrt": Problem(2, 2, compute_sqrt),
}
