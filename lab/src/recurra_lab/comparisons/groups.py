"""Finished runs in groups that differ in their seed alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from recurra import DamagedFile, Goal, InvalidOption, MissingFile
from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.artifacts.weights import parameters_in
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import goal_of
from recurra_lab.runs.record import recorded_experiment

IRRELEVANT = ("seed", "run.progress", "run.checkpoint_every", "run.workers", "run.threads")
"""Options that do not tell groups apart."""
Options = Mapping[str, Any]
Scores = Annotated[dict[str, dict[str, float]], Field(min_length=1)]


class Outcome(BaseModel):
    """What is read of the outcome of a run; early runs lack the CPU time."""

    status: str
    steps: int
    cpu_seconds: float = float("nan")


@dataclass(frozen=True)
class ComparedRun:
    """What is compared of one run.

    Args:
        seed: Its seed.
        solved: Whether it met its goal in training.
        steps: Training batches seen.
        cpu_seconds: CPU time of training.
        parameters: The number of weights.
        scores: Variant of the suite -> score -> value.
        curve: (step, value) of the goal's score at each validation.
    """

    seed: int
    solved: bool
    steps: int
    cpu_seconds: float
    parameters: int
    scores: Mapping[str, Mapping[str, float]]
    curve: Sequence[tuple[int, float]]

    def value(self, variant: str, score: str) -> float:
        """Return a score of a variant; NaN if the run has none."""
        return self.scores.get(variant, {}).get(score, float("nan"))


@dataclass(frozen=True)
class Group:
    """Runs of one experiment that differ in their seed.

    Args:
        name: The cell, with the options that tell it from other groups of the same cell.
        runs: The runs, one per seed.
    """

    name: str
    runs: Sequence[ComparedRun]


@dataclass(frozen=True)
class Comparison:
    """All groups of one task.

    Args:
        task: The name of the task, with the options that tell it from others of that name.
        goal: The goal, whose score is compared.
        groups: The groups, best median first.
        variants: The variants of the suite.
    """

    task: str
    goal: Goal
    groups: Sequence[Group]
    variants: Sequence[str]

    def values(self, group: Group, variant: str | None = None) -> list[float]:
        """Return the goal's score of each seed on a variant, by default the first."""
        return [run.value(variant or self.variants[0], self.goal.score) for run in group.runs]

    def median(self, group: Group, variant: str) -> float:
        """Return the median of a variant over seeds, where NaN is the worst value there is."""
        return median(self.values(group, variant), lambda value: _cost(value, self.goal))


def finished_below(folders: Iterable[Path]) -> list[RunFolder]:
    """Return the finished runs in folders, each a run or a folder with runs in it.

    Raises:
        MissingFile: There is no such folder, or no finished run in any.
    """
    found: dict[Path, RunFolder] = {}
    for folder in folders:
        if not folder.is_dir():
            raise MissingFile(f"there is no folder {folder}; name runs, or folders with runs in them")
        runs = (RunFolder(file.parent) for file in sorted(folder.rglob("experiment.toml")))
        found |= {run.path.resolve(): run for run in runs if run.is_finished}
    if not found:
        raise MissingFile(f"there is no finished run in {', '.join(map(str, folders))}")
    return list(found.values())


def comparisons_of(folders: Iterable[RunFolder]) -> list[Comparison]:
    """Return the comparisons of runs, one per task.

    Raises:
        DamagedFile: A file of a run cannot be read.
        InvalidOption: Two runs of one experiment have the same seed.
    """
    experiments = {folder.path: recorded_experiment(folder) for folder in folders}
    grouped = defaultdict[str, list[Path]](list)
    for path, experiment in experiments.items():
        grouped[repr(_identity(experiment))].append(path)
    by_task = defaultdict[str, list[list[Path]]](list)
    for paths in grouped.values():
        by_task[repr(experiments[paths[0]].as_dict()["task"])].append(paths)
    tasks = [[experiments[paths[0]] for paths in found] for found in by_task.values()]
    titles = _titles([part[0] for part in tasks], "task")
    return [
        _comparison(title, [[experiments[path] for path in paths] for paths in found], found)
        for title, found in zip(titles, by_task.values(), strict=True)
    ]


def _comparison(
    title: str, experiments: Sequence[Sequence[Experiment]], paths: Sequence[Sequence[Path]]
) -> Comparison:
    first = [found[0] for found in experiments]
    goal = goal_of(first[0], first[0].make_task())
    groups = [
        Group(name, _runs(found, goal)) for name, found in zip(_titles(first, "cell"), paths, strict=True)
    ]
    variants = list(dict.fromkeys(v for group in groups for run in group.runs for v in run.scores))
    made = Comparison(title, goal, groups, variants)
    ranked = sorted(groups, key=lambda group: rank(made.values(group), goal))
    return Comparison(title, goal, ranked, variants)


def _runs(paths: Sequence[Path], goal: Goal) -> list[ComparedRun]:
    runs: dict[int, tuple[Path, ComparedRun]] = {}
    for path in paths:
        run = _run(RunFolder(path), goal)
        if run.seed in runs:
            message = f"{runs[run.seed][0]} and {path} are the same experiment with seed {run.seed}"
            raise InvalidOption(f"{message}; name only one of them")
        runs[run.seed] = path, run
    return [runs[seed][1] for seed in sorted(runs)]


def _run(folder: RunFolder, goal: Goal) -> ComparedRun:
    check_seal(folder)
    outcome = _read(Outcome, folder, folder.outcome)
    metric = f"validation/{goal.score}"
    return ComparedRun(
        seed=recorded_experiment(folder).seed,
        solved=outcome.status == "solved",
        steps=outcome.steps,
        cpu_seconds=outcome.cpu_seconds,
        parameters=parameters_in(folder.weights),
        scores=_read(Scores, folder, folder.scores),
        curve=[(step, value) for step, name, value in read_metrics(folder.metrics) if name == metric],
    )


def _read(kind: Any, folder: RunFolder, path: Path) -> Any:
    try:
        return TypeAdapter(kind).validate_python(read_json(path))
    except ValidationError:
        again = f"write it again with: recurra resume {folder.path}"
        raise DamagedFile(f"{path} is damaged: it does not hold what a run writes; {again}") from None


def rank(values: Sequence[float], goal: Goal) -> float:
    """Return what to sort values by, the best first: their median, NaN as the worst there is."""
    return _cost(median(values, lambda value: _cost(value, goal)), goal)


def _cost(value: float, goal: Goal) -> float:
    return float("inf") if value != value else -value if goal.above is not None else value


def median(values: Sequence[float], order: Callable[[float], Any] = lambda x: (x != x, x)) -> float:
    """Return the median in an order, by default with NaN last; infinite values count as such."""
    known = sorted(values, key=order)
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return low if low == high else (low + high) / 2


def _identity(experiment: Experiment) -> Options:
    return {name: value for name, value in _flat(experiment.as_dict()).items() if name not in IRRELEVANT}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    parts = (_flat(part, f"{name}.{key}".strip(".")) for key, part in value.items())
    return {key: found for part in parts for key, found in part.items()}


def _titles(experiments: Sequence[Experiment], part: str) -> list[str]:
    """Return the name of a part of each experiment, with the options that tell equal names apart."""
    names = [str(experiment.as_dict()[part]["name"]) for experiment in experiments]
    options = [_identity(experiment) for experiment in experiments]
    scope = (
        (lambda key: key.startswith("task.")) if part == "task" else (lambda key: not key.startswith("task."))
    )
    titles = []
    for name, own in zip(names, options, strict=True):
        rivals = [other for other, of_name in zip(options, names, strict=True) if of_name == name]
        keys = (key for key in own if scope(key) and any(other.get(key) != own[key] for other in rivals))
        titles.append(" ".join([name, *(f"{key.removeprefix(part + '.')}={own[key]}" for key in keys)]))
    return titles
