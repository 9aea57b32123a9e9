"""Where the high reward is in each round of a deployment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Seeds = NDArray[np.uint64]
Whole = NDArray[np.int64]

PER_GOAL = 5
"""Rounds between two swaps, for each pair of goals."""
LOOSENESS = 0.6
"""The share of these by which the time of a swap varies."""


def rounds(goals: int, swaps: int) -> int:
    """Return how many rounds a deployment has."""
    return PER_GOAL * (swaps + 1) * goals // 2


def permutations(goals: int) -> int:
    """Return how many pairs (first goal, second goal) there are."""
    return goals * (goals - 1)


def mixed(seeds: Seeds) -> Seeds:
    """Return numbers that look random, one for each seed (the step of splitmix64)."""
    z = seeds + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def schedule(seeds: Seeds, goals: int, swaps: int) -> Whole:
    """Return which goal has the high reward: (n,) seeds -> (n, rounds).

    Seeds that are equal modulo `permutations(goals)` have the same first and second goal. Swap j, from 1,
    comes before round j m + U{0..k} − ⌊k/2⌋, with m = 5 goals/2 and k = ⌊0.6 m⌋.
    """
    middle = PER_GOAL * goals // 2
    loose = int(LOOSENESS * middle)
    pair = (seeds % np.uint64(permutations(goals))).astype(np.int64)
    high = np.repeat((pair // (goals - 1))[:, None], rounds(goals, swaps), 1)
    jump = pair % (goals - 1)
    for j in range(1, swaps + 1):
        seeds = mixed(seeds)
        at = j * middle + (seeds % np.uint64(loose + 1)).astype(np.int64) - loose // 2
        later = np.arange(high.shape[1]) >= at[:, None]
        high = np.where(later, (high + 1 + jump[:, None]) % goals, high)
        seeds = mixed(seeds)
        jump = (seeds % np.uint64(goals - 1)).astype(np.int64)
    return high
