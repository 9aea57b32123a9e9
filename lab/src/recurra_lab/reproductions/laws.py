"""How far chance reaches: the statistics behind a verdict.

scipy is slow to import, so that happens when a record is judged.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from math import inf
from typing import Literal, NamedTuple

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
    from scipy.stats import fisher_exact

    table = [[count, total - count] for count, total in (ours, theirs)]
    return float(fisher_exact(table).pvalue)


def geometric_mean_interval(waits: Sequence[float], ended: int) -> Interval:
    """Return the interval of the mean waiting time of trials that succeed independently, as guesses do.

    The total waiting time of `ended` successes is distributed as a gamma variable of that shape (the limit
    of the negative binomial law for rare success). A wait that did not end adds to the total alone.
    """
    from scipy.stats import gamma

    total = sum(waits)
    if not ended:
        return Interval(total / float(gamma.ppf(1 - LEVEL, 1)), inf)
    return Interval(*(total / float(gamma.ppf(share, ended)) for share in (1 - LEVEL / 2, LEVEL / 2)))


def bootstrap_interval(values: Sequence[float], statistic: Statistic) -> Interval:
    """Return the percentile interval of a statistic over resampled seeds; the same for the same values."""
    rng, of = random.Random(0), STATISTICS[statistic]
    found = sorted(of(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    outside = round(RESAMPLES * LEVEL / 2)
    return Interval(found[outside], found[-1 - outside])
