"""Atomic writes: a crash never leaves a partially written file."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from recurra.errors import DamagedFile, MissingFile


@contextmanager
def durable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for atomic writing: a crash leaves either the old file or the complete new one.

    Temporary file in the same folder, flush, fsync, rename, fsync of the folder.
    """
    # Not `tempfile`: its files are readable only by the owner, whatever the umask.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
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
