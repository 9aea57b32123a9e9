"""Trained networks as safetensors with their experiment: one file, or a folder in the layout of the Hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, get_args

from safetensors import SafetensorError, safe_open

from recurra.cell import InputKind
from recurra.errors import DamagedFile, MissingFile
from recurra.task import Task
from recurra_lab.artifacts.atomic_files import read_json

ENTRY = "recurra"
"""Entry of the metadata, and of `config.json`, with the description of a network."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"
SUFFIX = ".safetensors"
TORCH = {"format": "pt"}
EXPORT_AGAIN = "export the run again with: recurra export RUN"
SIZES = ("input_kind", "input_size", "output_size")


class Portable(NamedTuple):
    """A trained network outside its run.

    Args:
        experiment: The experiment as dictionaries, lists and scalars.
        sizes: The input kind, input size and output size of its task.
        weights: The file with the weights.
    """

    experiment: Mapping[str, Any]
    sizes: Mapping[str, Any]
    weights: Path


def description(experiment: Mapping[str, Any], task: Task, versions: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored beside the weights, for `read_portable`."""
    return {
        "experiment": dict(experiment),
        "task": {name: getattr(task, name) for name in SIZES},
        "versions": dict(versions),
    }


def is_portable(path: Path) -> bool:
    """Say whether a path is a file of weights, or a folder as the Hub has it."""
    return path.suffix == SUFFIX or (path / CONFIG).is_file()


def read_portable(path: Path) -> Portable:
    """Return the description of an exported network. It is data alone: nothing in it is run.

    Raises:
        MissingFile: There is no such file, or no weights in the folder.
        DamagedFile: The file cannot be read, or does not describe a network.
    """
    weights = path / WEIGHTS if path.is_dir() else path
    if not weights.is_file():
        raise MissingFile(f"{weights} does not exist; {EXPORT_AGAIN}")
    source = path / CONFIG if path.is_dir() else path
    described = read_json(source) if path.is_dir() else _metadata(path)
    known = described.get(ENTRY) if isinstance(described, dict) else None
    if not _is_complete(known):
        raise DamagedFile(f"{source} does not describe a network of recurra; {EXPORT_AGAIN}")
    return Portable(known["experiment"], known["task"], weights)


def _is_complete(known: Any) -> TypeGuard[dict[str, Any]]:
    if not isinstance(known, dict):
        return False
    experiment, task = known.get("experiment"), known.get("task")
    return isinstance(experiment, dict) and isinstance(task, dict) and _are_sizes(task)


def _are_sizes(task: Mapping[str, Any]) -> bool:
    kind, *sizes = (task.get(name) for name in SIZES)
    return kind in get_args(InputKind) and all(type(size) is int and size >= 0 for size in sizes)


def _metadata(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as file:
            return {name: json.loads(text) for name, text in (file.metadata() or {}).items() if name == ENTRY}
    except (SafetensorError, ValueError) as error:
        raise DamagedFile(f"{path} cannot be loaded: {str(error).splitlines()[0]}") from None
