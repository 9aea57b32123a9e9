"""Fingerprints of the data files of a task, by which a change is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recurra.config.ref import Ref

MOST_BYTES = 2**30
"""In a larger folder, only the names and sizes of the files are compared."""


def data_paths(value: Any, key: str) -> Iterator[tuple[str, Path]]:
    """Yield every path in the options of a component, with its key, such as `task.file`."""
    if isinstance(value, Path):
        yield key, value
    for name, inner in _options(value).items():
        yield from data_paths(inner, f"{key}.{name}")


def _options(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Ref):
        return value.options
    if isinstance(value, BaseModel):
        return dict(value)
    return value if isinstance(value, Mapping) else {}


def fingerprint(path: Path, run: Path) -> str:
    """Return a checksum of a file, or of the files in a folder except those of a run in it."""
    if path.is_file():
        return _checksum(path)
    return _of_folder(path, run.resolve()) if path.is_dir() else "missing"


def _of_folder(folder: Path, run: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _is_data(path, folder, run))
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    small = sum(sizes.values()) <= MOST_BYTES
    known = {name: _checksum(folder / name) if small else size for name, size in sizes.items()}
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _is_data(path: Path, folder: Path, run: Path) -> bool:
    """Return whether a file is neither hidden nor in the part of the folder where the run lies."""
    top, *_ = parts = path.relative_to(folder).parts
    return not any(part.startswith(".") for part in parts) and not run.is_relative_to(folder.resolve() / top)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
