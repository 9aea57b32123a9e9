"""The checksums of the files of a finished run: none that is damaged, or of another run, counts as a result.

Checkpoints have their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from recurra.errors import DamagedFile
from recurra_lab.artifacts.atomic_files import read_json, write_json
from recurra_lab.artifacts.run_folder import RunFolder


def seal(folder: RunFolder) -> None:
    """Write the checksums of the files of a run that has finished."""
    write_json(folder.checksums, {path.name: _digest(path) for path in _files(folder) if path.is_file()})


def unseal(folder: RunFolder) -> None:
    """Remove the checksums, before files are written again."""
    folder.checksums.unlink(missing_ok=True)


def check_seal(folder: RunFolder, files: Sequence[Path] = ()) -> None:
    """Check that files are as they were when the run ended; one that has not ended has no checksums.

    Args:
        folder: The run folder.
        files: Which files; all, if none is named.

    Raises:
        DamagedFile: One has changed, or the checksums cannot be read.
    """
    if not folder.checksums.is_file():
        return
    known = read_json(folder.checksums)
    if not isinstance(known, dict):
        raise DamagedFile(f"{folder.checksums} is damaged; remove it to read the run without comparing")
    for path in files or _files(folder):
        if path.name in known and (not path.is_file() or _digest(path) != known[path.name]):
            again = f"write it again with: recurra resume {folder.path}"
            accept = f"restore it, or remove {folder.checksums} to accept the change"
            message = f"{path} has changed since the run ended: its checksum differs"
            raise DamagedFile(f"{message}; {again if path in results(folder) else accept}")


def history(folder: RunFolder) -> tuple[Path, ...]:
    """Return the files that say how a run was trained, which nothing can write again."""
    return folder.experiment, folder.metrics, folder.versions, folder.origin, folder.data, folder.changes


def results(folder: RunFolder) -> tuple[Path, ...]:
    """Return the files that are written at the end, and again when a finished run is resumed."""
    return folder.weights, folder.outcome, folder.scores


def _files(folder: RunFolder) -> tuple[Path, ...]:
    return *history(folder), *results(folder)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
