"""The folder of a run and the paths of its files."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only

from recurra.errors import MissingFile, RunFailed


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
            raise MissingFile(f"{path} is not the folder of a run: it has no {folder.experiment.name}")
        return folder

    def discard(self) -> None:
        """Remove the folder and its contents."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def experiment(self) -> Path:
        """The resolved experiment, itself a valid `-c` input."""
        return self.path / "experiment.toml"

    @property
    def versions(self) -> Path:
        """Versions of Python, torch, the core, every plugin used and the task."""
        return self.path / "versions.json"

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
    return getattr(rank_zero_only, "rank", None) in (0, None)
