"""The columns of a forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurra_prediction.series_file import Columns

Row = Mapping[str, Any]


class ForecastColumns:
    """Names the columns of a forecast, none of which may be that of another.

    Args:
        roles: What the columns of the file are for.
        when: The column of dates, or `row`.
        levels: The quantiles.
        several: Whether there are several series.
    """

    def __init__(self, roles: Columns, when: str, levels: Sequence[float], *, several: bool) -> None:
        self.targets, self.levels = roles.targets, tuple(levels)
        self.series = self._unused(roles.series or "series") if several else None
        self.when, self.origin = self._unused(when), self._unused("origin")
        self.actual = [self._unused(f"{name}_actual") for name in self.targets]
        self.quantiles = [[self._unused(f"{name}_q{level:g}") for level in levels] for name in self.targets]

    def _unused(self, name: str) -> str:
        while name in self.targets:
            name += "_"
        return name

    def row(
        self, series: Any, time: Any, point: Sequence[float], quantiles: Sequence[Sequence[float]]
    ) -> Row:
        """Return a row: point (C,), quantiles (C, Q)."""
        values = dict(zip(self.targets, point, strict=True))
        for names, found in zip(self.quantiles, quantiles, strict=True):
            values.update(zip(names, found, strict=True))
        return {**({self.series: series} if self.series else {}), self.when: time, **values}

    def compared(self, row: Row, origin: Any, actual: Sequence[float]) -> Row:
        """Return a row with the step that was seen last, and the actual values; None where one is missing."""
        found = (None if value != value else value for value in actual)
        named = dict(zip(self.actual, found, strict=False))
        series = {self.series: row[self.series]} if self.series else {}
        return {**series, self.origin: origin, **row, **named}
