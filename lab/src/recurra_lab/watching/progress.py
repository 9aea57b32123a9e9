"""How far runs have come, as their files tell; nothing is written."""

from __future__ import annotations

import functools
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra import DamagedFile, MissingFile
from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder

RUNNING, WAITING, DAMAGED = "running", "waiting", "damaged"
QUIET_S = 120.0
"""A run without an outcome that has not logged for so long is waiting: interrupted, or in a long step."""
MOST_POINTS = 160
Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        path: Its folder.
        title: Task, cell and trainer: `copy · gru · bptt`.
        seed: Its seed.
        status: `running`, `waiting`, `damaged`, or how the run ended.
        step: The last logged step.
        steps: The step budget.
        changed: When it last logged something, in seconds since 1970.
        latest: Metric -> its last value.
        curves: Metric -> (step, value), at most MOST_POINTS of each.
    """

    path: str
    title: str
    seed: int
    status: str
    step: int = 0
    steps: int = 0
    changed: float = 0.0
    latest: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Points] = field(default_factory=dict)


def progress_below(roots: Sequence[Path], now: float | None = None) -> list[Progress]:
    """Return the runs in folders and their subfolders: those that run first, then the latest first.

    Args:
        roots: Each a run, or a folder with runs in it, such as that of a sweep.
        now: The time in seconds since 1970; None for the present.

    Raises:
        MissingFile: There is no such folder.
    """
    for root in roots:
        if not root.is_dir():
            raise MissingFile(f"there is no folder {root}; name a run or a folder of runs")
    files = {file.parent.resolve(): file.parent for root in roots for file in root.rglob("experiment.toml")}
    found = [_progress(RunFolder(folder), time.time() if now is None else now) for folder in files.values()]
    return sorted(found, key=lambda run: (run.status != RUNNING, -run.changed, run.path))


def _progress(folder: RunFolder, now: float) -> Progress:
    try:
        return _read(folder, now)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, DamagedFile):
        return Progress(str(folder.path), folder.path.name, 0, DAMAGED)


def _read(folder: RunFolder, now: float) -> Progress:
    experiment = tomllib.loads(folder.experiment.read_text("utf-8"))
    names = [str(experiment[part]["name"]) for part in ("task", "cell", "trainer")]
    about = folder.metrics if folder.metrics.is_file() else folder.experiment
    stat = about.stat()
    step, latest, curves = _logged(folder.metrics, stat.st_mtime_ns, stat.st_size)
    return Progress(
        str(folder.path),
        " · ".join(names),
        int(experiment.get("seed", 0)),
        _status(folder, now - stat.st_mtime),
        step,
        int(experiment["run"]["max_steps"]),
        stat.st_mtime,
        latest,
        curves,
    )


def _status(folder: RunFolder, quiet_s: float) -> str:
    if folder.outcome.is_file():
        return str(read_json(folder.outcome)["status"])
    return RUNNING if quiet_s < QUIET_S else WAITING


@functools.lru_cache(maxsize=512)
def _logged(path: Path, changed_ns: int, size: int) -> tuple[int, Mapping[str, float], Mapping[str, Points]]:
    """Return the last step, the last values and the curves in a file, which is read again when it changes."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for step, metric, value in read_metrics(path):
        curves.setdefault(metric, []).append((step, value))
    last = max((points[-1][0] for points in curves.values()), default=0)
    latest = {metric: points[-1][1] for metric, points in curves.items()}
    return last, latest, {metric: thinned(points) for metric, points in curves.items()}


def thinned(points: Points) -> Points:
    """Return at most MOST_POINTS points, each the mean of as many neighbours, the last ones included."""
    size = -(-len(points) // MOST_POINTS)
    groups: list[Any] = [points[k : k + size] for k in range(0, len(points), size or 1)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
