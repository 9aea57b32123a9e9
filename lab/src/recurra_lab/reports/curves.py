"""The curves of a report: the goal's score per update, and per size of the suite."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from recurra.task import Goal
from recurra_lab.formatting import number
from recurra_lab.reports.figures import (
    BLUE,
    FAINT,
    FONT_SIZE,
    INK,
    ORANGE,
    Picture,
    as_svg,
    blank,
    legend,
    logarithmic,
)
from recurra_lab.reports.text import goal_in_words, spoken

Rows = Iterable[tuple[int, str, float]]
Predictors = Mapping[str, Mapping[str, float]]
NOBODY: Predictors = {}
Points = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
MOST_POINTS = 400
WINDOWS = 30


def learning_curve(rows: Rows, goal: Goal, baselines: Predictors = NOBODY) -> Picture | None:
    """Plot the goal's score in training and validation per update; None if neither was logged.

    Args:
        rows: Logged rows of step, metric and value.
        goal: What solves the task.
        baselines: Predictor -> score -> value; each is drawn as a line.
    """
    rows = list(rows)
    train, validation = (points(rows, f"{split}/{goal.score}") for split in ("train", "validation"))
    if not len(train[0]) and not len(validation[0]):
        return None
    figure, axes = blank(height=3.0)
    if len(train[0]):
        _draw_training(axes, train)
    if len(validation[0]):
        _draw_measured(axes, validation, "validation")
    _finish(axes, goal, np.concatenate([train[1], validation[1]]))
    known = {name: scores[goal.score] for name, scores in baselines.items() if goal.score in scores}
    _draw_references(axes, known)
    axes.set_xlabel("update")
    axes.set_xlim(left=0)
    message = [_summary("training", train, goal), _summary("validation", validation, goal)]
    message += [f"{name} scores {number(value)}." for name, value in known.items()]
    alt = f"Learning curve: {' '.join(part for part in message if part)}"
    caption = "Dots: single training batches; solid line: their running mean; dashed line: goal."
    caption += " Dotted lines: simple baselines." if known else ""
    return Picture("Learning curve", caption, alt, as_svg(figure))


def generalisation(scores: Mapping[str, Mapping[str, float]], goal: Goal) -> Picture | None:
    """Plot the goal's score per variant, such as `length-10`; None if no two variants differ only in size."""
    series = _sized(scores, goal.score)
    if not series:
        return None
    kind, sizes = series
    figure, axes = blank(height=2.2)
    values = np.array([sizes[n] for n in sorted(sizes)])
    _draw_measured(axes, (np.array(sorted(sizes)), values), f"after training, per {kind}")
    _finish(axes, goal, values)
    axes.set_xlabel(kind)
    message = ", ".join(f"{number(sizes[n])} at {n}" for n in sorted(sizes))
    alt = f"{spoken(goal.score)} by {kind}: {message}."
    return Picture(
        f"By {kind}",
        f"Generalisation: {spoken(goal.score)} by {kind}.",
        alt,
        as_svg(figure),
    )


def points(rows: Rows, metric: str) -> Points:
    """Return the steps and finite values of one metric."""
    kept = [(step, value) for step, name, value in rows if name == metric and math.isfinite(value)]
    steps, values = zip(*kept, strict=True) if kept else ((), ())
    return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)


def running_mean(values: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """Return the running mean: each value averaged with up to `window` - 1 values before it."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    means: npt.NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _draw_training(axes: Axes, train: Points) -> None:
    steps, values = train
    window = max(1, len(values) // WINDOWS)
    kept = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int))
    axes.plot(steps[kept], values[kept], ".", color=BLUE, alpha=0.4, markersize=4, markeredgewidth=0)
    label = "training" if window == 1 else f"training, mean of {window}"
    axes.plot(steps[kept], running_mean(values, window)[kept], color=BLUE, linewidth=1.6, label=label)


def _draw_measured(axes: Axes, measured: Points, label: str) -> None:
    marker = "o" if len(measured[0]) <= 60 else ""
    axes.plot(*measured, color=ORANGE, linewidth=1.4, marker=marker, markersize=4, label=label)


def _finish(axes: Axes, goal: Goal, values: npt.NDArray[np.float64]) -> None:
    """Set the scale, draw the goal and add labels and legend."""
    if goal.above is None and (values > 0).all():
        logarithmic(axes)
    bound = goal.below if goal.above is None else goal.above
    if bound is not None:
        axes.axhline(bound, color=INK, linewidth=1, linestyle="--", label=goal_in_words(goal))
    axes.set_ylabel(spoken(goal.score), color=INK, fontsize=FONT_SIZE)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    legend(axes)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.label.set(color=INK, fontsize=FONT_SIZE)


def _draw_references(axes: Axes, known: Mapping[str, float]) -> None:
    for k, (name, value) in enumerate(known.items()):
        if math.isfinite(value) and (value > 0 or axes.get_yscale() == "linear"):
            style = (0, (1, 1 + k))  # wider dots further down the list
            axes.axhline(value, color=INK, linewidth=1.2, linestyle=style, label=f"{name}, {number(value)}")
    legend(axes)


def _summary(split: str, measured: Points, goal: Goal) -> str:
    steps, values = measured
    if not len(steps):
        return ""
    last = f"{number(values[-1])} at update {steps[-1]:,}"
    return f"{split} {spoken(goal.score)} from {number(values[0])} at update {steps[0]:,} to {last}."


def _sized(scores: Mapping[str, Mapping[str, float]], score: str) -> tuple[str, dict[int, float]] | None:
    """Return the most common kind of size in the names of variants, and size -> value."""
    found: dict[str, dict[int, float]] = {}
    for variant, values in scores.items():
        name = re.fullmatch(r"(.+)-(\d+)", variant)
        if name and math.isfinite(values.get(score, math.nan)):
            found.setdefault(name[1], {})[int(name[2])] = values[score]
    kind = max(found, key=lambda name: len(found[name]), default="")
    return (kind, found[kind]) if len(found.get(kind, ())) > 1 else None
