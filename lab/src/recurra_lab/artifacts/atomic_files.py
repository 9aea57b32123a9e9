"""Files that are whole or absent: how one is written so that a crash leaves no part of it."""

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
    """Open a file for writing so that a crash leaves either the old file or the new one, never a part.

    Temporary file in the same folder, flush, fsync, rename, fsync of the folder.
    """
    # Not `tempfile`, whose files nobody else may read whatever the umask says.
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
    """Make the names in a folder durable; where folders cannot be opened (Windows), renames already are."""
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
        DamagedFile: It is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path} does not exist") from None
    except ValueError:
        raise DamagedFile(f"{path} is damaged: it does not hold JSON") from None
