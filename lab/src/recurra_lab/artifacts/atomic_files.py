"""Atomic writes: a crash never leaves a partially written file."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from recurra.errors import DamagedFile, InvalidOption, MissingFile, RecurraError
from recurra_lab.errors import RunFailed

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
"""Name of the temporary file that a killed process leaves behind."""


def check_place(path: Path) -> None:
    """Check that a file can be put where its path says, before anything is computed for it.

    Raises:
        InvalidOption: There is a folder of that name.
        MissingFile: There is no folder to put it in.
    """
    if path.is_dir():
        raise InvalidOption(f"{path} is a folder; name a file to write")
    if not path.parent.is_dir():
        raise MissingFile(f"the folder {path.parent} does not exist; create it, or name another file")


@contextmanager
def durable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for atomic writing: a crash leaves either the old file or the complete new one.

    Temporary file in the same folder, flush, fsync, rename, fsync of the folder.

    Raises:
        RunFailed: The disk is full or the folder cannot be written; the old file is untouched.
    """
    # Not `tempfile`: its files are readable only by the owner, whatever the umask.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with written(path):
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Convert an error of the disk into one sentence that names the file.

    Raises:
        RunFailed: The disk is full or the file cannot be written.
    """
    try:
        yield
    except RecurraError:
        raise
    except OSError as error:
        raise RunFailed(f"{path} could not be written: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files left behind by a killed process."""
    for path in folder.glob(".*.tmp"):
        if LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Sync the entries of a folder to disk; not needed on Windows, where folders cannot be opened."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write text durably, as UTF-8."""
    with durable(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON durably."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: The file is not valid JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path} does not exist") from None
    except ValueError:
        raise DamagedFile(f"{path} is damaged: it is not valid JSON") from None
