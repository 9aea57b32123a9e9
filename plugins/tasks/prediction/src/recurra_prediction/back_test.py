"""Scores of forecasts of steps that are known by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from recurra_prediction.forecast_columns import ForecastColumns, Row


def back_test_scores(rows: Sequence[Row], names: ForecastColumns) -> Mapping[str, float]:
    """Return absolute_error_NAME, and coverage_NAME_LEVEL, the share of values not above a quantile."""
    return dict(_scores(rows, names))


def _scores(rows: Sequence[Row], names: ForecastColumns) -> Iterator[tuple[str, float]]:
    for name, actual, quantiles in zip(names.targets, names.actual, names.quantiles, strict=True):
        known = [row for row in rows if row[actual] is not None]
        if not known:
            continue
        yield f"absolute_error_{name}", fmean(abs(row[name] - row[actual]) for row in known)
        for level, quantile in zip(names.levels, quantiles, strict=True):
            yield f"coverage_{name}_{level:g}", fmean(row[actual] <= row[quantile] for row in known)
