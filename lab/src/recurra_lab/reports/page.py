"""The page of a report: the contents of a run folder, rendered as HTML."""

from __future__ import annotations

import math
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from recurra.cell import Network
from recurra.errors import DamagedFile, IncompatibleParts, MissingFile
from recurra.task import Goal, Task
from recurra_lab.artifacts.atomic_files import durable, read_json
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.result import RunResult, Scores
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.formatting import number
from recurra_lab.reports.curves import NOBODY, Predictors, generalisation, learning_curve
from recurra_lab.reports.figures import Picture
from recurra_lab.reports.heatmaps import pictures
from recurra_lab.reports.rollout import example, trace
from recurra_lab.reports.sections import sections
from recurra_lab.reports.templates import template
from recurra_lab.reports.text import goal_in_words, outcome_in_words, spoken
from recurra_lab.training.evaluate import Baselines, suite_baselines

R = TypeVar("R")
Rows = list[tuple[int, str, float]]


class Row(NamedTuple):
    """A row of the table of scores.

    Args:
        label: The variant, or the baseline.
        cells: The formatted values, each with whether it meets the goal.
        learned: Whether the row is the model's, not a baseline's.
    """

    label: str
    cells: list[tuple[str, bool]]
    learned: bool


def write_report(
    folder: RunFolder,
    model: Network,
    task: Task,
    seed: int,
    goal: Goal | None = None,
    experiment: Mapping[str, Any] | None = None,
    result: RunResult | None = None,
) -> Path:
    """Write the report of a run as one self-contained HTML file.

    Missing or damaged files are noted on the page. The same folder and weights give the same bytes.

    Args:
        folder: The run folder.
        model: The trained model; its mode and weights are not changed.
        task: The task of the run.
        seed: The seed of the run, which selects the example sequence.
        goal: The goal of the run; by default the task's.
        experiment: The resolved experiment, for the sections of plugins; by default read from the folder.
        result: The result of the run; by default read from the folder.

    Returns:
        The path of the report.
    """
    page = template("page.html.j2").render(
        _facts(folder, model, task, seed, goal or task.goal, experiment, result)
    )
    with durable(folder.report) as file:
        file.write(page.encode())
    return folder.report


def write_curve(folder: RunFolder, goal: Goal, path: Path, baselines: Predictors = NOBODY) -> None:
    """Write the learning curve of a run as an SVG file; for `baselines` see `learning_curve`.

    Raises:
        MissingFile: The score of the goal has not been logged yet.
        DamagedFile: Its metrics cannot be read.
    """
    curve = learning_curve(read_metrics(folder.metrics), goal, baselines)
    if curve is None:
        raise MissingFile(
            f"{folder.path} has no learning curve: '{spoken(goal.score)}' has not been logged yet"
        )
    with durable(path) as file:
        file.write(curve.content)


def _facts(
    folder: RunFolder,
    model: Network,
    task: Task,
    seed: int,
    goal: Goal,
    experiment: Mapping[str, Any] | None,
    result: RunResult | None,
) -> dict[str, Any]:
    notices: list[str] = []
    text = _or(_text, folder.experiment, "", notices)
    if experiment is None:
        experiment = _toml(text, notices)
    rows: Rows = _or(read_metrics, folder.metrics, [], notices)
    outcome, scores = _result(folder, result, notices)
    notices += _damage(folder)
    notices += _changes(_or(read_json, folder.changes, [], notices))
    drawn, hidden = _pictures(model, task, seed)
    table = _table(scores, goal, suite_baselines(task))
    return {
        "title": _title(experiment, model, task),
        "outcome": outcome_in_words(outcome, goal),
        "parameters": f"{sum(p.numel() for p in model.parameters()):,}",
        "seed": seed,
        "notices": notices,
        "goal": goal_in_words(goal),
        "goal_score": spoken(goal.score),
        "curve": learning_curve(rows, goal, task.baselines()),
        "lost": _lost(rows),
        "columns": [spoken(name) for name in _columns(scores)],
        "table": table,
        "compared": not all(row.learned for row in table),
        "generalisation": generalisation(scores, goal),
        "pictures": drawn,
        "hidden": hidden,
        "sections": list(sections(folder.path, experiment, model, task)),
        "experiment": text,
        "versions": dict(_flat(_or(read_json, folder.versions, {}, notices))),
        "run": shlex.quote(str(folder.path)),
    }


def _pictures(model: Network, task: Task, seed: int) -> tuple[list[Picture], int]:
    """Return the heatmaps of a test sequence and how many were left out; none for an environment."""
    try:
        supervised = task.supervised()
    except IncompatibleParts:
        return [], 0
    seen = trace(model, supervised, example(task, seed))
    drawn = pictures(seen)
    return drawn, 3 + len(seen.views) - len(drawn)


def _result(
    folder: RunFolder, known: RunResult | None, notices: list[str]
) -> tuple[Mapping[str, Any], Scores]:
    """Return the outcome and the scores of a run, read from its folder unless `known`."""
    if known is not None:
        return asdict(known.outcome), known.scores
    return _or(read_json, folder.outcome, {}, notices), _or(read_json, folder.scores, {}, notices)


def _or(read: Callable[[Path], R], path: Path, missing: R, notices: list[str]) -> R:
    """Read a file of the run; a damaged file becomes a notice on the page instead of an error."""
    try:
        return read(path)
    except MissingFile:
        return missing
    except DamagedFile as error:
        notices.append(f"{error}.")
        return missing


def _damage(folder: RunFolder) -> Iterator[str]:
    """Yield the sentence that a file has changed since the run ended."""
    try:
        check_seal(folder)
    except DamagedFile as error:
        yield f"{error}."


def _changes(found: Any) -> Iterator[str]:
    """Yield one sentence for each time the run was resumed with other options."""
    for change in found:
        yield f"After step {change['step']}, options were changed: {', '.join(change['options'])}."


def _text(path: Path) -> str:
    if not path.is_file():
        raise MissingFile(f"{path} does not exist")
    return path.read_text("utf-8", errors="replace")


def _toml(text: str, notices: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        notices.append(f"experiment.toml is damaged: {error}.")
        return {}


def _title(experiment: Mapping[str, Any], model: Network, task: Task) -> str:
    """Return `copy · ntm · bptt` from the names in the experiment, or the names of the classes."""
    named = [experiment.get(part) for part in ("task", "cell", "trainer")]
    names = [part.get("name", "") if isinstance(part, dict) else part for part in named]
    found = [name for name in names if isinstance(name, str) and name]
    return " · ".join(found or [type(task).__name__, type(model.sequencer).__name__])


def _lost(rows: Rows) -> int:
    return sum(not math.isfinite(value) for _, _, value in rows)


def _columns(scores: Scores) -> list[str]:
    return list(dict.fromkeys(name for values in scores.values() for name in values))


def _table(scores: Scores, goal: Goal, baselines: Baselines) -> list[Row]:
    """Return the rows of all variants, each followed by its baselines."""

    def cell(values: Mapping[str, float], name: str) -> tuple[str, bool]:
        if name not in values:
            return "–", False
        return number(values[name]), name == goal.score and goal.met(values[name])

    def row(label: str, values: Mapping[str, float], learned: bool) -> Row:
        return Row(label, [cell(values, name) for name in _columns(scores)], learned)

    rows = []
    for variant, values in scores.items():
        rows.append(row(variant, values, learned=True))
        rows += [row(name, known, learned=False) for name, known in baselines.get(variant, {}).items()]
    return rows


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Return nested versions as lines: `plugins recurra-ntm` -> `0.1.0`."""
    if not isinstance(value, dict):
        return [(name, str(value))]
    return [line for key, part in value.items() for line in _flat(part, f"{name} {key}".strip())]
