"""The curves of a record as SVG."""

from __future__ import annotations

import math

from recurra_lab.reports.figures import BLUE, FAINT, FONT_SIZE, INK, Picture, as_svg, blank
from recurra_lab.reports.text import spoken
from recurra_lab.reproductions.record import Record


def curves(record: Record) -> bytes | None:
    """Return one thin line per seed, the goal's score by training batch; None if no curve was recorded."""
    known = [run.curve for run in record.runs if run.curve is not None]
    if not known:
        return None
    figure, axes = blank(height=2.4)
    for curve in known:
        axes.plot(curve.steps, curve.values, color=BLUE, alpha=0.5, linewidth=1, marker=".", markersize=3)
    if all(value > 0 and math.isfinite(value) for curve in known for value in curve.values):
        axes.set_yscale("log")
    axes.set_xlabel("training batch", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel(spoken(known[0].score), color=INK, fontsize=FONT_SIZE)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    return Picture("", "", "", as_svg(figure)).content
