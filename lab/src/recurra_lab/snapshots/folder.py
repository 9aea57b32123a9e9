"""The folder of a snapshot: writing its files, and validating them when they are read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from recurra.errors import DamagedFile, MissingFile
from recurra.task import Split
from recurra_lab.artifacts.atomic_files import read_json, write_json
from recurra_lab.errors import UnwritableFolder
from recurra_lab.snapshots.rows import PARTS, read_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

SPLITS: tuple[Split, ...] = get_args(Split)
FORMAT = 1
MANIFEST = "snapshot.json"
AGAIN = "write the snapshot again"
SAYS: Mapping[str, type] = {
    "task": str,
    "version": int,
    "options": dict,
    "seed": int,
    "batch_size": int,
    "input_size": int,
    "output_size": int,
    "fill": dict,
    "splits": dict,
}
"""Types of the entries of the manifest, in addition to its format."""


def make_folder(folder: Path) -> None:
    """Create a folder, or accept an empty one.

    Raises:
        UnwritableFolder: The folder is not empty or cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise UnwritableFolder(f"cannot write to {folder}: {(error.strerror or '').lower()}") from None
    if full:
        raise UnwritableFolder(f"{folder} is not empty; choose a new or empty folder")


def write_split(folder: Path, split: Split, table: pa.Table) -> dict[str, Any]:
    """Write one split and return its entry in the manifest."""
    path = folder / f"{split}.parquet"
    write_table(table, path)
    return {"sequences": len(table), "sha256": _checksum(path)}


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the manifest. Comes last: a folder without it is incomplete."""
    write_json(folder / MANIFEST, {"format": FORMAT, **about})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder.

    Raises:
        MissingFile: There is no such folder, or it has no manifest.
        DamagedFile: The manifest was not written by `write_manifest`.
    """
    if not folder.is_dir():
        raise MissingFile(
            f"the folder {folder} does not exist; create it with: recurra snapshot TASK --to {folder}"
        )
    path = folder / MANIFEST
    if not path.is_file():
        message = f"{folder} does not contain a snapshot: it has no {MANIFEST}"
        raise MissingFile(
            f"{message}; choose another folder, or create one with: recurra snapshot TASK --to FOLDER"
        )
    about = read_json(path)
    _check_manifest(path, about if isinstance(about, dict) else {})
    return about  # type: ignore[no-any-return]


def _check_manifest(path: Path, about: Mapping[str, Any]) -> None:
    if about.get("format") != FORMAT:
        message = f"{path} has format {json.dumps(about.get('format'))}, expected format {FORMAT}"
        raise DamagedFile(f"{message}; {AGAIN}")
    wrong = [name for name, kind in SAYS.items() if not isinstance(about.get(name), kind)]
    if not wrong:
        wrong += [f"fill.{part}" for part in PARTS if not isinstance(about["fill"].get(part), int | float)]
        wrong += [f"splits.{split}" for split in SPLITS if not isinstance(about["splits"].get(split), dict)]
    if wrong:
        raise DamagedFile(f"{path} is damaged: '{wrong[0]}' is missing or invalid; {AGAIN}")


def read_split(folder: Path, split: Split, about: Mapping[str, Any]) -> pa.Table:
    """Read one split; `about` is its entry in the manifest.

    Raises:
        MissingFile: The file does not exist.
        DamagedFile: The file was not written by `write_split`, or the split is empty.
    """
    path = folder / f"{split}.parquet"
    if not path.is_file():
        raise MissingFile(f"{path} does not exist; {AGAIN}")
    if _checksum(path) != about.get("sha256"):
        raise DamagedFile(f"{path} is damaged: its checksum does not match {MANIFEST}; {AGAIN}")
    table = read_table(path)
    if not len(table):
        raise DamagedFile(f"the split '{split}' in {folder} is empty; {AGAIN}")
    return table


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
