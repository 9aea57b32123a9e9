"""Which of many combinations the fast tests try: few, and the same ones every time.

They are drawn by a hash of their names. A hash needs no random number, is the same on every machine, and does
not change when something else is installed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from heapq import nsmallest
from itertools import product
from typing import Any, TypeVar

import pytest

from recurra.errors import IncompatibleParts

Pair = tuple[str, str]
T = TypeVar("T")


def order(*names: str) -> bytes:
    """Return what to sort combinations by: the hash of their names."""
    return blake2b("\0".join(names).encode(), digest_size=8).digest()


def drawn(pairs: Iterable[Pair]) -> set[Pair]:
    """Return of every name the pair whose hash is lowest, so that no name is left out.

    A name that is added draws its own pair, and replaces that of another name only where its hash is lower.
    """
    of_name: dict[tuple[int, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        for side, name in enumerate(pair):
            of_name[side, name].append(pair)
    return {min(found, key=lambda pair: order(*pair)) for found in of_name.values()}


def every_pair(first: Iterable[str], second: Iterable[str]) -> list[Any]:
    """Return all pairs as parameters of a test; those that are not drawn are marked slow.

    @pytest.mark.parametrize(("wrapper", "cell"), every_pair(wrappers, cells))
    def test_a_wrapped_cell_keeps_its_contract(wrapper, cell): ...
    """
    pairs = list(product(first, second))
    fast = drawn(pairs)
    return [pytest.param(*pair, marks=() if pair in fast else pytest.mark.slow) for pair in pairs]


def at_most(number: int, names: Iterable[str]) -> list[Any]:
    """Return all names as parameters of a test; beyond the `number` of lowest hash they are marked slow."""
    names = list(names)
    fast = set(nsmallest(number, names, key=order))
    return [pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in names]


def accepted(pairs: Iterable[Pair], build: Callable[[str, str], T], number: int) -> Iterator[tuple[Pair, T]]:
    """Yield the first pairs, in the order of their hash, that can be built, each with what was built.

    The test is skipped where no pair can be built, with the last refusal.

    Args:
        pairs: Pairs that a test may try.
        build: Builds a pair, or raises `IncompatibleParts`.
        number: How many pairs are yielded at most.
    """
    built, refusal = 0, ""
    for pair in sorted(pairs, key=lambda pair: order(*pair)):
        try:
            made = build(*pair)
        except IncompatibleParts as refused:
            refusal = str(refused)
            continue
        yield pair, made
        built += 1
        if built == number:
            return
    if not built:
        pytest.skip(refusal)
