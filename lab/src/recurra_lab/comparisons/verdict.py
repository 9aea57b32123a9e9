"""Whether a difference between groups is more than the chance of seeds.

scipy is slow to import, so that happens when groups are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

from recurra_lab.comparisons.groups import Comparison
from recurra_lab.reproductions.laws import LEVEL


class Difference(NamedTuple):
    """The best group beside another.

    Args:
        best: The name of the group with the best median.
        other: The name of the other.
        p: The two-sided p-value of the Mann-Whitney test, by Holm's correction for several comparisons.
        wins: How often a seed of the best is better than one of the other; ties count half.
        decidable: Whether so many seeds could have given a significant difference.
    """

    best: str
    other: str
    p: float
    wins: float
    decidable: bool

    def __str__(self) -> str:
        if not self.decidable:
            return f"too few seeds to tell {self.best} from {self.other}"
        if self.p >= LEVEL:
            return f"no difference between {self.best} and {self.other} beyond chance (p = {self.p:.2g})"
        wins = f"better in {100 * self.wins:.0f} % of the pairs of seeds"
        return f"{self.best} is better than {self.other} (p = {self.p:.2g}; {wins})"


def differences(found: Comparison, variant: str | None = None) -> list[Difference]:
    """Compare the first group, the one with the best median, with every other."""
    best, *others = found.groups
    sign = -1 if found.goal.above is not None else 1
    own = _costs(found.values(best, variant), sign)
    tests = [mann_whitney(own, _costs(found.values(other, variant), sign)) for other in others]
    corrected = holm([p for p, _ in tests])
    sizes = [(len(best.runs), len(other.runs)) for other in others]
    return [
        Difference(best.name, other.name, p, wins, 2 * len(others) / comb(sum(size), size[0]) < LEVEL)
        for other, p, (_, wins), size in zip(others, corrected, tests, sizes, strict=True)
    ]


def mann_whitney(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Return the two-sided p-value that neither tends to be lower, and how often ours is lower.

    Exact for few seeds; with ties, by permutation.
    """
    from scipy.stats import PermutationMethod, mannwhitneyu

    if len({*ours, *theirs}) == 1:
        return 1.0, 0.5
    tied = len({*ours, *theirs}) < len(ours) + len(theirs)
    method = PermutationMethod(n_resamples=9999, rng=0) if tied else "auto"
    found = mannwhitneyu(ours, theirs, method=method)
    return float(found.pvalue), 1 - float(found.statistic) / (len(ours) * len(theirs))


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, largest = [0.0] * len(values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = largest
    return corrected


def _costs(values: Sequence[float], sign: int) -> list[float]:
    return [float("inf") if value != value else sign * value for value in values]
