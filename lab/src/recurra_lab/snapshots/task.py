"""Writes batches of a task to Parquet files and reads them back as a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from recurra.config.ref import plain
from recurra.data.corpus import Corpus
from recurra.errors import DamagedFile, IncompatibleParts, InvalidOption
from recurra.plugins import registry
from recurra.rng import generator_of
from recurra.task import Batch, Score, Split, SupervisedTask, Task
from recurra_lab.snapshots.folder import (
    SPLITS,
    make_folder,
    read_manifest,
    read_split,
    write_manifest,
    write_split,
)
from recurra_lab.snapshots.rows import Rows, as_dataset, fill_of, tables_of

if TYPE_CHECKING:
    import datasets

BATCHES: Mapping[Split, int] = {"train": 500, "validation": 50, "test": 50}


def write_snapshot(
    task: Task,
    folder: Path | str,
    *,
    batches: Mapping[Split, int] = BATCHES,
    batch_size: int = 16,
    seed: int = 0,
) -> Path:
    """Write the first batches of every split of a task into a new folder.

    The folder holds `train.parquet`, `validation.parquet` and `test.parquet`, one row per sequence without
    its padding, and `snapshot.json`: the name, options and version of the task, the seed, and the size and
    checksum of each split. `datasets.load_dataset(folder)` reads it too.

    Args:
        task: A task of a plugin; the folder stores its name, not its code.
        folder: Output folder; must be new or empty.
        batches: Split -> number of batches.
        batch_size: Sequences per batch.
        seed: Seed of the data.

    Returns:
        The folder.

    Raises:
        InvalidOption: A split or a batch would be empty.
        IncompatibleParts: No plugin provides the task, or it is an environment, which has no targets.
        UnwritableFolder: The folder is not empty or cannot be created.
    """
    folder = Path(folder)
    name = _name_of(task)
    _check_sequences(task)
    _check_sizes(batches, batch_size)
    make_folder(folder)
    drawn = {split: _drawn(task, split, batches[split], batch_size, seed) for split in SPLITS}
    fill = fill_of([batch for found in drawn.values() for batch in found])
    entries = {split: write_split(folder, split, tables_of(found, fill)) for split, found in drawn.items()}
    asked = {"seed": seed, "batch_size": batch_size}
    write_manifest(folder, {"task": name, **_facts(task), **asked, "fill": fill, "splits": entries})
    return folder


def _drawn(task: Task, split: Split, count: int, batch_size: int, seed: int) -> list[Batch]:
    return [task.batch(k, batch_size=batch_size, seed=seed, split=split) for k in range(count)]


def _facts(task: Task) -> dict[str, Any]:
    """Return the entries of the manifest that do not depend on what is drawn."""
    return {
        "version": task.version,
        "options": plain(task.options),
        "input_size": task.input_size,
        "output_size": task.output_size,
    }


def load_snapshot(folder: Path | str) -> SnapshotTask:
    """Return the task of the snapshot in a folder; raises the errors of `SnapshotTask`."""
    return SnapshotTask(folder=Path(folder))


def _name_of(task: Task) -> str:
    target = f"{type(task).__module__}:{type(task).__qualname__}"
    for offer in registry.components("task"):
        if offer.component.target == target:
            return offer.qualified
    message = f"{type(task).__name__} cannot be stored by name, because no installed plugin provides it"
    raise IncompatibleParts(f"{message}; move it to a plugin (recurra new task NAME)")


def _check_sequences(task: Task) -> None:
    try:
        task.supervised()
    except IncompatibleParts:
        message = f"{type(task).__name__} is an environment and has no sequences to write"
        raise IncompatibleParts(f"{message}; choose a task with targets") from None


def _check_sizes(batches: Mapping[Split, int], batch_size: int) -> None:
    if batch_size < 1:
        raise InvalidOption(f"batch_size must be at least 1, got {batch_size}")
    for split in SPLITS:
        if batches.get(split, 0) < 1:
            given = batches.get(split, 0)
            raise InvalidOption(f"the split '{split}' would be empty: it needs at least 1 batch, got {given}")


class SnapshotTask(Corpus):
    """The task of a snapshot: its loss, scores and goal, with the batches stored in the folder.

    Batch k of size B holds the rows k B to k B + B - 1 of its split, in the stored order, so with the batch
    size of the snapshot, batch k equals batch k of the task. Later epochs are shuffled, depending on the
    seed.

    Shapes: those of the task.
    Scores: those of the task; the stored test split is evaluated in addition to the task's suite.

    Args:
        folder: The folder of the snapshot.

    Raises:
        MissingFile: The folder or one of its files does not exist.
        DamagedFile: A file was not written by `write_snapshot`, or a split is empty.
        UnknownComponent: The plugin of the task is not installed.
    """

    def __init__(
        self,
        *,
        folder: Annotated[Path, Field(description="folder of the snapshot, written by `recurra snapshot`")],
    ) -> None:
        about = read_manifest(folder)
        task: SupervisedTask = registry.load("task", about["task"])(**about["options"])
        _check_fits(task, about, folder)
        super().__init__(task.input_size, task.output_size)
        self.stream, self.version = task.stream, about["version"]
        self.input_kind, self.goal, self.causal = task.input_kind, task.goal, task.causal
        self.folder, self.task, self.about = folder, task, about
        self._tables = {split: read_split(folder, split, about["splits"][split]) for split in SPLITS}
        self._rows = {split: Rows(table, about["fill"]) for split, table in self._tables.items()}

    def count(self, split: Split) -> int:
        """Return the number of sequences of a split."""
        return len(self._rows[split])

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return sequences of a split as a batch."""
        return self._rows[split].batch(rows)

    def epoch_order(self, split: Split, epoch: int, seed: int) -> Tensor:
        """Return the order (count,) of an epoch: as stored in the first, shuffled later."""
        if epoch == 0:
            return torch.arange(self.count(split))
        return torch.randperm(self.count(split), generator=generator_of(seed, split, epoch))

    def continues_previous(self, k: int, *, batch_size: int, seed: int, split: Split) -> bool:
        """Return whether batch k continues batch k − 1, as in the task; only in the first epoch."""
        as_written = batch_size == self.about["batch_size"] and (k + 1) * batch_size <= self.count(split)
        return as_written and self.task.continues_previous(
            k, batch_size=batch_size, seed=self.about["seed"], split=split
        )

    def dataset(self, split: Split) -> datasets.Dataset:
        """Return a split as a `datasets.Dataset`: x, target and mask without padding, length and steps."""
        return as_dataset(self._tables[split])

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the task's loss: y (B, T, O) -> ()."""
        return self.task.loss(y, batch)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the task's scores."""
        return self.task.scores(y, batch)

    def predict(self, y: Tensor) -> Tensor:
        """Return the task's prediction."""
        return self.task.predict(y)

    def oracle(self, batch: Batch) -> Tensor | None:
        """Return the outputs of the task's oracle."""
        return self.task.oracle(batch)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of simple baselines on the task."""
        return self.task.baselines()

    def suite(self) -> Mapping[str, Task]:
        """Return the snapshot, and the variants of the task."""
        return {"snapshot": self, **self.task.suite()}


def _check_fits(task: Task, about: Mapping[str, Any], folder: Path) -> None:
    for name in ("input_size", "output_size"):
        if getattr(task, name) != about[name]:
            message = f"{folder} was written with {name} {about[name]}, but {about['task']} now has"
            raise DamagedFile(
                f"{message} {getattr(task, name)}; install the former version, or write the snapshot again"
            )
