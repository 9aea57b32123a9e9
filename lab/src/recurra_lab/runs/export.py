"""Export of the trained network of a run to the formats of other programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recurra.errors import InvalidOption, nearest
from recurra_lab.artifacts.atomic_files import (
    check_place,
    durable,
    read_json,
    write_json,
    write_text,
    written,
)
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.weights import parameters_in, save_weights
from recurra_lab.experiments import Experiment
from recurra_lab.exports.model_card import UNKNOWN, CardData, model_card
from recurra_lab.exports.onnx_graph import need_onnx, to_onnx
from recurra_lab.exports.portable import CONFIG, ENTRY, TORCH, WEIGHTS, description
from recurra_lab.exports.program import save_program
from recurra_lab.runs.restore import restore

PLACES = {
    "torch": "model.pt2",
    "onnx": "model.onnx",
    "safetensors": "exported.safetensors",
    "hub": "hub",
}
"""Format -> file or folder in the run folder, unless another is named."""


def export_run(
    run: str | os.PathLike[str],
    format: str = "torch",
    to: str | os.PathLike[str] | None = None,
    *,
    streaming: bool = False,
    license: str = UNKNOWN,
    tags: Sequence[str] = (),
) -> Path:
    """Write the trained network of a run in a format for other programs, and return the file or folder.

    Args:
        run: The folder of a finished run.
        format: `torch`, a `torch.export` program; `onnx`, see `to_onnx`; `safetensors`, one file with the
            weights, and the experiment as metadata; `hub`, a folder with weights, `config.json` and a model
            card. `load` reads the last two.
        to: The file or folder to write; by default one in the run folder.
        streaming: Of a `torch` or `onnx` export, one that also takes a state.
        license: Of a `hub` export, the licence as the Hub names it, such as `apache-2.0`.
        tags: Of a `hub` export, tags in addition to the usual ones.

    Raises:
        MissingFile: There is no such run, it has not finished, or there is no folder to write to.
        InvalidOption: An option is wrong or does not apply to the format, a package is not installed, or a
            file of a run would be overwritten.
        RunFailed: The file or folder cannot be written.
        IncompatibleParts: The network cannot be expressed in the format.
    """
    if format not in PLACES:
        raise InvalidOption(
            f"format = {format}: expected one of {', '.join(PLACES)}{nearest(format, PLACES)}"
        )
    _check_applies(format, streaming=streaming, license=license != UNKNOWN, tags=bool(tags))
    folder = RunFolder.open(Path(run))
    place = Path(to) if to is not None else folder.path / PLACES[format]
    if format == "hub":
        return _hub_folder(folder, place, license, tags)
    check_place(place)
    if folder.weights.exists() and place.resolve() == folder.weights.resolve():
        raise InvalidOption(f"{place} is the trained model of the run; name another file to write")
    return WRITERS[format](folder, place, streaming)


APPLY_TO = {"streaming": ("torch", "onnx"), "license": ("hub",), "tags": ("hub",)}


def _check_applies(format: str, **given: bool) -> None:
    for name, formats in APPLY_TO.items():
        if given[name] and format not in formats:
            raise InvalidOption(f"{name} applies to the format {' or '.join(formats)}, not to {format}")


def _torch(folder: RunFolder, place: Path, streaming: bool) -> Path:
    _, _, network = restore(folder)
    with durable(place) as file:
        save_program(network, file, streaming=streaming)
    return place


def _onnx(folder: RunFolder, place: Path, streaming: bool) -> Path:
    need_onnx()
    experiment, _, network = restore(folder)
    content = to_onnx(network, streaming=streaming, metadata={ENTRY: json.dumps(experiment.as_dict())})
    with durable(place) as file:
        file.write(content)
    return place


def _safetensors(folder: RunFolder, place: Path, streaming: bool) -> Path:
    _, described, network = _described(folder)
    save_weights(network, place, {**TORCH, ENTRY: json.dumps(described)})
    return place


WRITERS: dict[str, Callable[[RunFolder, Path, bool], Path]] = {
    "torch": _torch,
    "onnx": _onnx,
    "safetensors": _safetensors,
}


def _hub_folder(folder: RunFolder, place: Path, license: str, tags: Sequence[str]) -> Path:
    if place.is_file():
        raise InvalidOption(f"{place} is a file; name a folder to write")
    if RunFolder(place).experiment.exists():
        raise InvalidOption(f"{place} is the folder of a run; name another folder to write")
    experiment, described, network = _described(folder)
    data = CardData(
        read_json(folder.scores),
        read_json(folder.outcome),
        read_json(folder.versions),
        parameters_in(folder.weights),
        license,
        tags,
    )
    with written(place):
        place.mkdir(parents=True, exist_ok=True)
    save_weights(network, place / WEIGHTS, TORCH)
    write_json(place / CONFIG, {ENTRY: described})
    write_text(place / "README.md", model_card(experiment, data))
    return place


def _described(folder: RunFolder) -> tuple[Experiment, dict[str, Any], Any]:
    """Return the experiment as the user wrote it, its description and the network."""
    _, task, network = restore(folder)
    experiment = Experiment.from_toml(folder.experiment)
    return experiment, description(experiment.as_dict(), task, read_json(folder.versions)), network
