"""From columns of sequences and targets to a trained network: in memory, or as a run in a folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from recurra import Split
from recurra_lab import Experiment, Trained, fit, load, train
from recurra_own_data.own_data import OwnData

Columns = Mapping[str, Sequence[Any]]
Tell = Callable[[str], None]


def trained_in_memory(
    task: type[OwnData],
    experiment: Experiment,
    training: Columns,
    held_out: Columns,
    tell: Tell | None,
) -> Trained:
    """Train without writing a file."""
    splits: Mapping[Split, Columns] = {"train": training, "validation": held_out, "test": held_out}
    return fit(experiment, task.of(splits, **experiment.task.options), tell=tell)


def trained_in_folder(
    out: str | os.PathLike[str],
    experiment: Experiment,
    training: Columns,
    held_out: Columns,
    tell: Tell | None,
) -> Trained:
    """Train as `recurra train` does, on files that are written below `out`, the folder of all runs.

    The held-out sequences also take the place of the test split.
    """
    Path(out).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=out)).resolve()
    for name, columns in (("train", training), ("validation", held_out)):
        _write(folder / f"{name}.jsonl", columns)
    held = str(folder / "validation.jsonl")
    files = {"file": str(folder / "train.jsonl"), "validation_file": held, "test_file": held}
    chosen = experiment.as_dict()
    chosen["task"] = {**chosen["task"], **files}
    chosen["run"] = {**chosen["run"], "progress": tell is not None}
    run = train(experiment.task.name, experiment.cell.name, out=out, tell=tell or _silent, **chosen)
    return load(run)


def _silent(line: str) -> None:
    """Tell nobody."""


def _write(path: Path, columns: Columns) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in zip(*columns.values(), strict=True):
            cells = dict(zip(columns, map(_plain, row), strict=True))
            file.write(json.dumps(cells) + "\n")


def _plain(cell: Any) -> Any:
    return cell.tolist() if isinstance(cell, Tensor) else cell
