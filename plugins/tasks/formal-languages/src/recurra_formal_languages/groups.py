"""Finite groups as tables of products, and products of many elements."""

from __future__ import annotations

import functools
import itertools
import re

import torch
from torch import Tensor

from recurra import InvalidOption

FACTOR = re.compile(r"Z([1-9]\d{0,2})|S([1-6])|A([1-6])")
MOST_ELEMENTS = 1000


@functools.cache
def product_table(name: str) -> Tensor:
    """Return the table (n, n) of a group of n elements: entry (a, b) is a · b, and 0 is the identity.

    Args:
        name: Zn, the integers modulo n; Sn, the permutations of n objects; An, the even ones; or factors
            joined by x, such as A4xZ5, whose elements are pairs. Permutations are numbered in lexicographic
            order, (a · b)(i) = a(b(i)); pairs too.

    Raises:
        InvalidOption: The name is none of these, or the group is trivial or has more than 1,000 elements.
    """
    factors = [FACTOR.fullmatch(factor) for factor in name.split("x")]
    tables = [_factor(match.group()) for match in factors if match]
    if len(tables) < len(factors):
        expected = "Zn (n to 999), Sn or An (n to 6), or factors joined by x, such as Z60, S5, A5 or A4xZ5"
        raise InvalidOption(f"group = {name!r} is unknown; expected {expected}")
    order = functools.reduce(lambda product, table: product * len(table), tables, 1)
    if not 1 < order <= MOST_ELEMENTS:
        raise InvalidOption(f"group = {name!r} has {order} elements; expected 2 to {MOST_ELEMENTS}")
    return functools.reduce(_direct_product, tables)


def _factor(name: str) -> Tensor:
    kind, n = name[0], int(name[1:])
    if kind == "Z":
        return (torch.arange(n)[:, None] + torch.arange(n)) % n
    elements = [p for p in itertools.permutations(range(n)) if kind == "S" or _is_even(p)]
    permutations = torch.tensor(elements)  # (m, n)
    composed = permutations[:, permutations]  # (m, m, n): a(b(i))
    place = n ** torch.arange(n - 1, -1, -1)  # a permutation as a number to base n keeps their order
    return torch.searchsorted((permutations * place).sum(1), (composed * place).sum(-1))


def _is_even(permutation: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0


def _direct_product(first: Tensor, second: Tensor) -> Tensor:
    """Return the table of pairs (a, b), numbered a · |second| + b."""
    n, m = len(first), len(second)
    pairs = first[:, None, :, None] * m + second[None, :, None, :]
    return pairs.reshape(n * m, n * m)


def running_products(table: Tensor, words: Tensor) -> Tensor:
    """Return w₁ · w₂ · … · w_t at every step t of words (B, T), by about log₂ T lookups for all steps."""
    products, reach = words, 1
    while reach < words.shape[1]:
        # Each entry is the product of the last `reach` elements; those before it double its reach.
        products = torch.cat([products[:, :reach], table[products[:, :-reach], products[:, reach:]]], 1)
        reach *= 2
    return products
