"""A curve as the points of an SVG line: small enough to be drawn at every refresh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from recurra_lab.formatting import number

WIDTH, HEIGHT, MARGIN = 320, 72, 4


class Sparkline(NamedTuple):
    """A curve of one metric.

    Args:
        metric: Its name.
        points: `x,y x,y ...`, within WIDTH and HEIGHT.
        last: The last value, formatted.
        alt: What it shows, in one sentence.
    """

    metric: str
    points: str
    last: str
    alt: str


def sparkline(metric: str, points: Sequence[tuple[int, float]]) -> Sparkline | None:
    """Return the curve of a metric, logarithmic where all values are positive; None for fewer than two."""
    known = [(step, value) for step, value in points if math.isfinite(value)]
    if len(known) < 2:
        return None
    logarithmic = all(value > 0 for _, value in known)
    heights = [math.log(value) if logarithmic else value for _, value in known]
    across = _scaled([float(step) for step, _ in known], WIDTH)
    down = [HEIGHT - y for y in _scaled(heights, HEIGHT)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    first, last = number(known[0][1]), number(known[-1][1])
    scale = ", on a logarithmic scale" if logarithmic else ""
    return Sparkline(metric, line, last, f"{metric} from {first} to {last} at step {known[-1][0]:,}{scale}")


def _scaled(values: Sequence[float], length: float) -> list[float]:
    low, high = min(values), max(values)
    span = high - low or 1.0
    return [MARGIN + (value - low) / span * (length - 2 * MARGIN) for value in values]
