"""Dates of steps after the last one known; months and years differ in length."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime


def after(before: datetime, last: datetime, steps: int) -> datetime:
    """Return the date some steps after the last, each as long as that between the last two.

    Steps from one day of a month to the same of another, or from month end to month end, are whole months.

    Raises:
        OverflowError: It is after the year 9999; or ValueError.
    """
    months = _month(last) - _month(before)
    at_ends = _at_end(before) and _at_end(last)
    if not months or before.timetz() != last.timetz() or not (at_ends or before.day == last.day):
        return last + steps * (last - before)
    year, month = divmod(_month(last) + steps * months, 12)
    days = calendar.monthrange(year, month + 1)[1]
    return last.replace(year=year, month=month + 1, day=days if at_ends else min(last.day, days))


def evenly_spaced(times: Sequence[datetime]) -> bool:
    """Say whether every step is as long as the one before it, as `after` counts."""
    triples = zip(times, times[1:], times[2:], strict=False)
    return all(after(first, second, 1) == third for first, second, third in triples)


def _month(when: datetime) -> int:
    return 12 * when.year + when.month - 1


def _at_end(when: datetime) -> bool:
    return when.day == calendar.monthrange(when.year, when.month)[1]
