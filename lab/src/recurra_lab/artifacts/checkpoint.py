"""Atomically written checkpoints, each with a manifest that holds its checksum."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric.plugins import CheckpointIO

from recurra.data.files import short_message
from recurra.errors import DamagedFile, MissingFile
from recurra_lab.artifacts.atomic_files import durable, read_json, write_json

SUFFIX = ".ckpt"


class DurableCheckpoints(CheckpointIO):
    """Writes and reads the checkpoints of a run for Lightning.

    Args:
        identity: What a checkpoint depends on other than its tensors (configuration hash, versions); it is
            stored in the manifest and compared when a run is resumed.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.identity = dict(identity)
        self._at_hand: Checkpoint | None = None

    def offer(self, checkpoint: Checkpoint) -> None:
        """Cache a checkpoint that has already been read, for the next `load_checkpoint`."""
        self._at_hand = checkpoint

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint and then its manifest.

        Raises:
            RunFailed: The disk is full or the folder cannot be written; earlier checkpoints are untouched.
        """
        buffer = io.BytesIO()
        torch.save(_plain(checkpoint), buffer)
        data = buffer.getbuffer()
        path = Path(path)
        manifest = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "step": int(checkpoint["state_dict"]["batches_seen"]),
            **self.identity,
        }
        with durable(path) as file:
            file.write(data)
        write_json(manifest_of(path), manifest)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint and verify its checksum; only tensors and plain values are loaded.

        Raises:
            MissingFile: There is no such checkpoint or manifest.
            DamagedFile: Its checksum does not match the manifest.
        """
        known, self._at_hand = self._at_hand, None
        if known is not None and known.path == Path(path):
            return known.content
        return read_checkpoint(Path(path), map_location).content

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint, its manifest first: a checkpoint without a manifest is ignored."""
        manifest_of(Path(path)).unlink(missing_ok=True)
        Path(path).unlink(missing_ok=True)


def manifest_of(path: Path) -> Path:
    """Return the path of the manifest of a checkpoint."""
    return path.with_suffix(".json")


class Checkpoint(NamedTuple):
    """A loaded checkpoint: path, manifest and content."""

    path: Path
    manifest: dict[str, Any]
    content: dict[str, Any]

    @property
    def step(self) -> int:
        """The number of training batches seen when it was saved."""
        return int(self.manifest["step"])


def read_checkpoint(path: Path, map_location: Any = None) -> Checkpoint:
    """Read a checkpoint and verify its checksum; errors as in `DurableCheckpoints.load_checkpoint`."""
    if not path.is_file():
        raise MissingFile(f"checkpoint {path} does not exist")
    data, manifest = path.read_bytes(), _manifest(path)
    if hashlib.sha256(data).hexdigest() != manifest.get("sha256"):
        raise DamagedFile(f"checkpoint {path} is damaged: its checksum does not match its manifest")
    try:
        content = torch.load(io.BytesIO(data), map_location=map_location or "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise DamagedFile(f"checkpoint {path} cannot be loaded: {short_message(error)}") from None
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise DamagedFile(f"checkpoint {path} is not the checkpoint of a run")
    return Checkpoint(path, manifest, content)


def _manifest(path: Path) -> dict[str, Any]:
    manifest = read_json(manifest_of(path))
    if not isinstance(manifest, dict) or type(manifest.get("step")) is not int:
        raise DamagedFile(f"{manifest_of(path)} is damaged: it does not state the step of a checkpoint")
    return manifest


def newest_intact(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest checkpoint whose checksum matches; newer damaged ones are reported to `warn`."""
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_age, reverse=True):
        try:
            return read_checkpoint(path)
        except (MissingFile, DamagedFile) as error:
            warn(f"skipped: {error}")
    return None


def own_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints that a run itself has written, oldest first.

    Users keep other files next to them, such as a copy of a good one. Those have another name, or no
    manifest that states the step of the name.
    """
    found = [path for path in folder.glob(f"*{SUFFIX}") if path == path_of(folder, _stated_step(path))]
    return sorted(found, key=_age)


def path_of(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step."""
    return folder / f"step-{step:09d}{SUFFIX}"


def _stated_step(path: Path) -> int:
    try:
        return int(_manifest(path)["step"])
    except (MissingFile, DamagedFile):
        return -1


def _age(path: Path) -> tuple[int, str]:
    """Return what sorts names with numbers of different lengths by their number."""
    return len(path.name), path.name


def _plain(value: Any) -> Any:
    """Convert a checkpoint to tensors, dictionaries, lists and scalars, which load without executing code."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return (
            type(value)(_plain(item) for item in value) if type(value) in (list, tuple, set) else list(value)
        )
    return value
