"""How far chance reaches: the statistics behind a verdict."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from math import comb, inf
from typing import Literal, NamedTuple

import torch

Statistic = Literal["mean", "median"]
STATISTICS: dict[Statistic, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
}
LEVEL = 0.05
"""A difference counts if chance alone gives one as large less often than this."""
RESAMPLES = 2000


class Interval(NamedTuple):
    """A 95 % confidence interval, bounds included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def fisher(ours: tuple[int, int], theirs: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test that two shares, each k of n, are equal."""
    (k, n), (other, m) = ours, theirs
    total = k + other

    def ways(j: int) -> int:
        return comb(n, j) * comb(m, total - j)

    rest = range(max(0, total - m), min(n, total) + 1)
    return sum(ways(j) for j in rest if ways(j) <= ways(k)) / comb(n + m, total)


def geometric_mean_interval(waits: Sequence[float], ended: int) -> Interval:
    """Return the interval of the mean waiting time of trials that succeed independently, as guesses do.

    The total waiting time of `ended` successes is distributed as a gamma variable of that shape (the limit
    of the negative binomial law for rare success). A wait that did not end adds to the total alone.
    """
    total = sum(waits)
    if not ended:
        return Interval(total / _gamma_quantile(1, 1 - LEVEL), inf)
    return Interval(*(total / _gamma_quantile(ended, share) for share in (1 - LEVEL / 2, LEVEL / 2)))


def _gamma_quantile(shape: int, share: float) -> float:
    """Return where the gamma distribution of scale 1 has that share below it, by bisection."""
    a = torch.tensor(float(shape), dtype=torch.float64)
    low, high = 0.0, 10.0 * shape + 100.0
    for _ in range(100):
        middle = (low + high) / 2
        below = float(torch.special.gammainc(a, torch.tensor(middle, dtype=torch.float64))) < share
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def bootstrap_interval(values: Sequence[float], statistic: Statistic) -> Interval:
    """Return the percentile interval of a statistic over resampled seeds; the same for the same values."""
    rng, of = random.Random(0), STATISTICS[statistic]
    found = sorted(of(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    outside = round(RESAMPLES * LEVEL / 2)
    return Interval(found[outside], found[-1 - outside])
