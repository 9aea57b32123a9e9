"""The runs below a folder, as their small files tell; nothing heavy is imported."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra import DamagedFile, MissingFile
from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal

UNFINISHED, DAMAGED = "unfinished", "damaged"


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Args:
        path: Its folder.
        task: The name of its task; `cell` and `trainer` likewise.
        cell: See `task`.
        trainer: See `task`.
        seed: The seed of the experiment.
        status: How it ended; `unfinished`, or `damaged` if a file cannot be read.
        steps: Training batches seen; None unless it has ended.
        scores: Score -> value on the first variant of the suite; empty unless it has ended.
    """

    path: str
    task: str
    cell: str
    trainer: str
    seed: int
    status: str
    steps: int | None
    scores: Mapping[str, float]


def runs_below(root: Path) -> list[RunSummary]:
    """Return the runs in a folder and its subfolders, the oldest first by the name of their folder.

    Raises:
        MissingFile: There is no such folder.
    """
    if not root.is_dir():
        raise MissingFile(f"there is no folder {root}; name the folder of your runs")
    found = sorted(root.rglob("experiment.toml"), key=lambda path: (path.parent.name, str(path)))
    return [_summary(RunFolder(path.parent)) for path in found]


def _summary(folder: RunFolder) -> RunSummary:
    try:
        check_seal(folder, [folder.experiment, folder.outcome, folder.scores])
        experiment = tomllib.loads(folder.experiment.read_text("utf-8"))
        outcome = read_json(folder.outcome) if folder.outcome.is_file() else {}
        scores = read_json(folder.scores) if folder.scores.is_file() else {}
        return RunSummary(str(folder.path), *_names(experiment), **_end(outcome, scores))
    except (OSError, ValueError, TypeError, AttributeError, DamagedFile):
        return RunSummary(str(folder.path), "", "", "", 0, DAMAGED, None, {})


def _names(experiment: Mapping[str, Any]) -> Iterator[Any]:
    for part in ("task", "cell", "trainer"):
        yield str(experiment.get(part, {}).get("name", ""))
    yield int(experiment.get("seed", 0))


def _end(outcome: Mapping[str, Any], scores: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    first = next(iter(scores.values()), {})
    known = {name: float(value) for name, value in first.items()}
    status, steps = outcome.get("status", UNFINISHED), outcome.get("steps")
    if not isinstance(status, str) or not isinstance(steps, int | None):
        raise TypeError(f"no outcome of a run: {outcome}")
    return {"status": status, "steps": steps, "scores": known}
