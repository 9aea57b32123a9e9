"""Which sequences are held out for early stopping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def divided(labels: Sequence[Sequence[Hashable]], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the sequences to train on, and of those to hold out, drawn at random.

    The first label of each sequence is held out in proportion, and every label stays in training.

    Args:
        labels: The labels of each sequence.
        share: The fraction to hold out.
        seed: Seed of the draw.

    Raises:
        ValueError: The share is not between 0 and 1, or too few sequences would remain.
    """
    if not (isinstance(share, int | float | np.floating) and 0 < share < 1):
        raise ValueError(f"validation_fraction = {share!r}: expected a number between 0 and 1")
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    needed = _needed(labels, order)
    spread = [number for number in _spread(labels, order) if number not in needed]
    held = sorted(spread[: max(1, round(share * len(labels)))])
    if not held:
        message = f"no sequence of {len(labels)} can be held out without losing a class"
        raise ValueError(f"{message}; give more sequences, or set early_stopping=False")
    return sorted(set(order) - set(held)), held


def _needed(labels: Sequence[Iterable[Hashable]], order: Iterable[int]) -> set[int]:
    """Return sequences which together have every label; at least one."""
    seen: set[Hashable] = set()
    needed: set[int] = set()
    for number in order:
        if not needed or not seen.issuperset(labels[number]):
            needed.add(number)
            seen.update(labels[number])
    return needed


def _spread(labels: Sequence[Sequence[Hashable]], order: Iterable[int]) -> list[int]:
    """Return the sequences in an order in which those of every first label are spread evenly."""
    first = [next(iter(each), None) for each in labels]
    total, before = Counter(first), Counter[Hashable]()
    placed = []
    for number in order:
        label = first[number]
        placed.append(((before[label] + 0.5) / total[label], number))
        before[label] += 1
    return [number for _, number in sorted(placed)]
