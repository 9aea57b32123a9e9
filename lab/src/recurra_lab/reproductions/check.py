"""Whether a record stands: one of its seeds, run again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recurra_lab.formatting import number
from recurra_lab.reproductions.record import Record, SeedRun
from recurra_lab.reproductions.reference import Claim


def stands(claim: Claim, record: Record, again: SeedRun) -> tuple[bool, str]:
    """Return whether a record stands, and one sentence that says why.

    It stands if every recorded measure of that seed is the same again, or at least every measure that the
    experiment file names lies in the range of all recorded seeds.
    """
    (before,) = [run for run in record.runs if run.seed == again.seed]
    other = [name for name, value in before.measured.items() if not _same(value, again.measured.get(name))]
    if not other:
        return (
            True,
            f"the record stands: seed {again.seed} measures the same {len(before.measured)} values again",
        )
    outside = [line for name in _named(claim) for line in _outside(record, name, again)]
    if outside:
        return False, f"the record does not stand: of seed {again.seed} {'; '.join(outside)}"
    return True, (
        f"the record stands: seed {again.seed} differs in {', '.join(other)},"
        " but all measures of the experiment file lie within the recorded range"
    )


def _named(claim: Claim) -> Sequence[str]:
    return list(dict.fromkeys([claim.success.measure, *(wanted.ours for wanted in claim.numbers)]))


def _outside(record: Record, name: str, again: SeedRun) -> list[str]:
    known = [run.measured[name] for run in record.runs if name in run.measured]
    if not known:
        return []
    value, low, high = again.measured.get(name, math.nan), min(known), max(known)
    if low <= value <= high:
        return []
    return [f"{name} is {number(value, 6)} and was {number(low, 6)} to {number(high, 6)} in the record"]


def _same(before: float, now: float | None) -> bool:
    return now is not None and (before == now or (math.isnan(before) and math.isnan(now)))
