"""The pictures of a comparison: curves with bands over seeds, and scores by variant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps

from recurra_lab.comparisons.groups import ComparedRun, Comparison
from recurra_lab.formatting import number
from recurra_lab.reports.figures import FAINT, FONT_SIZE, INK, Picture, as_svg, blank, legend, logarithmic
from recurra_lab.reports.text import spoken

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
"""Colours that colour-blind people tell apart."""
ROW_HEIGHT = 0.3
Curve = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def pictures(found: Comparison) -> list[Picture]:
    """Return what can be drawn: the curves of validation, and the scores by variant."""
    drawn = [_curves(found), _map(found) if len(found.variants) > 1 else None]
    return [picture for picture in drawn if picture is not None]


def over_seeds(runs: Sequence[ComparedRun]) -> Curve:
    """Return the steps of all validations, and every run's value there (runs, steps).

    A run that ended early keeps its last value; before its first, it has none (NaN).
    """
    steps = np.unique([step for run in runs for step, _ in run.curve]).astype(np.int64)
    values = np.full((len(runs), len(steps)), np.nan)
    for row, run in enumerate(run for run in runs if run.curve):
        known, own = zip(*run.curve, strict=True)
        places = np.searchsorted(known, steps, side="right") - 1
        values[row] = np.where(places >= 0, np.array(own)[np.maximum(places, 0)], np.nan)
    return steps, values


def _curves(found: Comparison) -> Picture | None:
    if not any(run.curve for group in found.groups for run in group.runs):
        return None
    figure, axes = blank(height=3.0)
    positive, told = found.goal.above is None, []
    for group, colour in zip(found.groups, _colours(len(found.groups)), strict=True):
        steps, values = over_seeds([run for run in group.runs if run.curve])
        if not len(steps):
            continue
        low, middle, high = np.nanquantile(values, [0, 0.5, 1], axis=0)
        axes.plot(steps, middle, color=colour, linewidth=1.6, label=group.name)
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        positive = positive and bool((low > 0).all())
        told.append(f"{group.name} ends at {number(middle[-1])}")
    if positive:
        logarithmic(axes)
    axes.set_xlabel("update", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel(spoken(found.goal.score), color=INK, fontsize=FONT_SIZE)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    legend(axes)
    caption = "Validation: median over seeds; the band reaches from the smallest to the largest value."
    return Picture("Learning curves", caption, f"Learning curves: {'; '.join(told)}.", as_svg(figure))


def _map(found: Comparison) -> Picture:
    """Draw the medians of all groups and variants; each column has its own colours, the best is dark."""
    medians = np.array([[found.median(group, v) for v in found.variants] for group in found.groups])
    figure, axes = blank(height=ROW_HEIGHT * len(found.groups), bottom=0.8)
    axes.imshow(
        _shades(medians, found.goal.above is not None),
        cmap=colormaps["Blues"],
        vmin=0,
        vmax=1.6,
        aspect="auto",
    )
    for (row, column), value in np.ndenumerate(medians):
        axes.text(column, row, number(value), ha="center", va="center", fontsize=FONT_SIZE - 1, color=INK)
    axes.set_xticks(range(len(found.variants)), found.variants, rotation=20, ha="right")
    axes.set_yticks([])
    title = f"{spoken(found.goal.score).capitalize()} by variant"
    names = ", ".join(group.name for group in found.groups)
    caption = f"Medians over seeds; darker is better within a column. Rows from the top: {names}."
    return Picture(title, caption, caption, as_svg(figure))


def _shades(values: npt.NDArray[np.float64], higher_is_better: bool) -> npt.NDArray[np.float64]:
    """Return the rank of each value within its column, 1 for the best and 0 for the worst."""
    signed = np.nan_to_num(values if higher_is_better else -values, nan=-np.inf)
    ranks = [np.unique(column, return_inverse=True)[1] for column in signed.T]
    return np.stack([rank / max(rank.max(), 1) for rank in ranks], 1)


def _colours(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]
