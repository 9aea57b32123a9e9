"""The folder of a run and the paths of its files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from recurra.errors import MissingFile
from recurra_lab.artifacts.atomic_files import written
from recurra_lab.errors import RunFailed, UnwritableFolder

WAIT_S = 8.0
"""Time to wait for the lock: the loader processes of a killed run hold it until they notice, after 5 s."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of all files of a run, in `runs/<task>/<cell>-<trainer>/<id>/`."""

    path: Path

    @classmethod
    def create(cls, root: Path, task: str, cell: str, trainer: str) -> RunFolder:
        """Create a new folder whose id is the current time.

        Raises:
            RunFailed: The folder cannot be written.
        """
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S") + "-" + secrets.token_hex(2)
        folder = cls(root / task / f"{cell}-{trainer}" / stamp)
        try:
            folder.checkpoints.mkdir(parents=True)
        except OSError as error:
            raise RunFailed(
                f"cannot write to {root}: {error.strerror}; choose another folder with --out"
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the folder of an existing run.

        Raises:
            MissingFile: There is no run in that folder.
        """
        folder = cls(path)
        if not folder.experiment.is_file():
            raise MissingFile(f"{path} is not a run folder: it has no {folder.experiment.name}")
        return folder

    @property
    def has_work(self) -> bool:
        """Whether the folder holds a checkpoint or a result, which must not be lost."""
        results = (self.outcome, self.scores, self.weights)
        return any(self.checkpoints.glob("*")) or any(path.exists() for path in results)

    def discard_unused(self) -> None:
        """Remove the folder of a run that could not start, and empty ones above; work in it is kept."""
        if not self.has_work:
            shutil.rmtree(self.path, ignore_errors=True)
            for parent in self.path.parents[:2]:  # of the trainer and the task
                with suppress(OSError):  # there are other runs in it
                    parent.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this folder; the system frees the lock of a killed process.

        Raises:
            RunFailed: Another process trains in this folder, or the folder cannot be written.
            UnwritableFolder: The checkpoints would be written to another folder.
        """
        self.check_checkpoints()
        if not first_process():
            yield
            return
        lock = FileLock(self.path / ".lock")
        with written(self.path):
            try:
                lock.acquire(timeout=WAIT_S)
            except Timeout:
                message = f"{self.path} is in use: another process trains or resumes this run"
                raise RunFailed(f"{message}; wait for its end") from None
        try:
            yield
        finally:
            lock.release()

    def check_checkpoints(self) -> None:
        """Check that checkpoints are kept in the folder itself, since old ones are removed.

        Raises:
            UnwritableFolder: The folder of checkpoints is a link to another folder.
        """
        if self.checkpoints.is_symlink():
            message = f"{self.checkpoints} is a link to {self.checkpoints.resolve()}"
            raise UnwritableFolder(
                f"{message}, but a run writes and removes files only in its own folder; replace the link by a"
                " folder with the checkpoints in it"
            )

    @property
    def experiment(self) -> Path:
        """The resolved experiment, itself a valid `-c` input."""
        return self.path / "experiment.toml"

    @property
    def versions(self) -> Path:
        """Versions of Python, torch, the core, every plugin used and the task."""
        return self.path / "versions.json"

    @property
    def data(self) -> Path:
        """The fingerprints of the task's data files, and the folder that relative paths start from."""
        return self.path / "data.json"

    @property
    def changes(self) -> Path:
        """The options that were changed when the run was resumed, and at which step."""
        return self.path / "changes.json"

    @property
    def origin(self) -> Path:
        """When, on what machine and from which commit the run was started."""
        return self.path / "origin.json"

    @property
    def metrics(self) -> Path:
        """Everything logged: rows of step, metric, value."""
        return self.path / "metrics.csv"

    @property
    def scores(self) -> Path:
        """Suite variant -> score -> value."""
        return self.path / "scores.json"

    @property
    def outcome(self) -> Path:
        """How the run ended: status, steps, seconds of training."""
        return self.path / "outcome.json"

    @property
    def checksums(self) -> Path:
        """The checksums of the files of a finished run."""
        return self.path / "checksums.json"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints and their manifests."""
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        """The trained model."""
        return self.path / "model.safetensors"

    @property
    def report(self) -> Path:
        """The report, one self-contained page."""
        return self.path / "report.html"


def first_process() -> bool:
    """Return whether this process is the one that writes files and prints messages."""
    from pytorch_lightning.utilities import rank_zero_only  # slow to import, and commands only read folders

    return getattr(rank_zero_only, "rank", None) in (0, None)
