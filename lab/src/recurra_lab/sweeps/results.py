"""Results of a sweep: a table, best trial first, and plots of the score against each option."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import optuna
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from recurra_lab.artifacts.atomic_files import durable, write_text
from recurra_lab.formatting import number
from recurra_lab.reports.figures import BLUE, FONT_SIZE, INK, ORANGE
from recurra_lab.sweeps.space import Range, Space

HEIGHT, WIDTH = 3.0, 3.2


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the completed trials, best first."""
    done = study.get_trials(states=(TrialState.COMPLETE,))
    worst_first = study.direction == optuna.study.StudyDirection.MAXIMIZE
    return sorted(done, key=lambda trial: trial.values[0], reverse=worst_first)


Cell = str | int | float
DIGITS = 5
"""Significant digits of displayed scores; trials often differ by little."""


def rows(study: optuna.Study, space: Space) -> list[list[Cell]]:
    """Return the table with its header: trial number, options, mean, and the value of each seed."""
    trials = ranked(study)
    seeds = len(trials[0].user_attrs["values"]) if trials else 0
    table: list[list[Cell]] = [["trial", *space, "mean", *(f"seed {i + 1}" for i in range(seeds))]]
    for trial in trials:
        options = [trial.params[key] for key in space]
        table.append([trial.number, *options, trial.values[0], *trial.user_attrs["values"]])
    return table


def shown(table: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Return the table formatted for display."""
    return [[number(c, DIGITS) if isinstance(c, float) else str(c) for c in row] for row in table]


def write(study: optuna.Study, space: Space, score: str, folder: Path) -> None:
    """Write `results.csv`, `results.md` and `results.svg`."""
    table = rows(study, space)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    write_text(folder / "results.csv", text.getvalue())
    write_text(folder / "results.md", _markdown(shown(table)))
    with durable(folder / "results.svg") as file:
        _picture(ranked(study), space, score).savefig(file, format="svg", metadata={"Date": None})


def _markdown(table: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([head, "|" + " --- |" * len(table[0]), *body, ""])


def _picture(trials: Sequence[FrozenTrial], space: Space, score: str) -> Figure:
    figure = Figure(figsize=(WIDTH * len(space) + 0.4, HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(space), sharey=True, squeeze=False)[0]
    for axes, (key, varied) in zip(panels, space.items(), strict=True):
        values = [trial.params[key] for trial in trials]
        axes.scatter(values, [trial.values[0] for trial in trials], s=18, color=BLUE)
        if trials:
            axes.scatter(values[:1], trials[0].values[:1], s=30, color=ORANGE)
        if isinstance(varied, Range) and varied.log:
            axes.set_xscale("log")
        axes.set_xlabel(key, fontsize=FONT_SIZE, color=INK)
    panels[0].set_ylabel(f"validation: {score}", fontsize=FONT_SIZE, color=INK)
    return figure
