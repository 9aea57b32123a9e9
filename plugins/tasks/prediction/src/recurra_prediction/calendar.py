"""Dates of the steps of a series, also after the last one known; months and years differ in length."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property

from recurra import InvalidInput
from recurra_prediction.series_file import OneSeries


@dataclass(frozen=True)
class Calendar:
    """The date of every step of a series, or its number where there are no evenly spaced dates.

    Args:
        where: Where the series was read, for messages.
        times: The dates of its rows; None if there are none.
    """

    where: str
    times: Sequence[datetime] | None

    @classmethod
    def of(cls, one: OneSeries) -> Calendar:
        """Return the calendar of a series.

        Raises:
            InvalidInput: A date is missing.
        """
        if one.times is None:
            return cls(one.where, None)
        times = [when for when in one.times if when is not None]
        if len(times) < len(one.times):
            row = one.rows[one.times.index(None)] + 1
            message = f"column '{one.when}' of {one.where} has no date in row {row:,}"
            raise InvalidInput(f"{message}; fill in or remove the column")
        return cls(one.where, times if len(times) > 1 and evenly_spaced(times) else None)

    @cached_property
    def _days(self) -> bool:
        """Whether the dates are days, without a time of day."""
        return self.times is not None and all(when.timetz() == time() for when in self.times)

    def time(self, step: int) -> date | int:
        """Return the date of a step, also of one after the last, with its time of day if the steps have one.

        Raises:
            InvalidInput: It is after the year 9999.
        """
        if self.times is None:
            return step
        beyond = step - len(self.times) + 1
        try:
            when = self.times[step] if beyond <= 0 else after(self.times[-2], self.times[-1], beyond)
        except (OverflowError, ValueError):
            raise InvalidInput(
                f"the dates of the forecast from {self.where} lie beyond the year 9999"
            ) from None
        return when.date() if self._days else when


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
    days = monthrange(year, month + 1)[1]
    return last.replace(year=year, month=month + 1, day=days if at_ends else min(last.day, days))


def evenly_spaced(times: Sequence[datetime]) -> bool:
    """Say whether every step is as long as the one before it, as `after` counts."""
    triples = zip(times, times[1:], times[2:], strict=False)
    return all(after(first, second, 1) == third for first, second, third in triples)


def _month(when: datetime) -> int:
    return 12 * when.year + when.month - 1


def _at_end(when: datetime) -> bool:
    return when.day == monthrange(when.year, when.month)[1]
