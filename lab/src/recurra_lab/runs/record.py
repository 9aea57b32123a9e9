"""What a run records when it starts, and what has changed since when it is resumed or evaluated."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recurra.errors import DamagedFile, InvalidOption, MissingFile
from recurra_lab.artifacts.atomic_files import read_json, write_json, write_text
from recurra_lab.artifacts.fingerprint import data_paths, fingerprint
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.overrides import dotted, parse_override, read_file, values_in
from recurra_lab.runs.provenance import origin, versions_of


def record(folder: RunFolder, experiment: Experiment) -> None:
    """Write versions, origin and fingerprints of data files, and the experiment, which makes it a run."""
    write_json(folder.versions, versions_of(experiment))
    write_json(folder.origin, origin())
    files = {key: fingerprint(path, folder.path) for key, path in data_paths(experiment.task, "task")}
    if files:
        write_json(folder.data, {"started_in": os.getcwd(), "files": files})
    write_text(folder.experiment, experiment.to_toml())


def recorded_experiment(folder: RunFolder, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment of a run, with the relative paths of its data from where it was started.

    Raises:
        InvalidOption: The experiment or an override is invalid.
    """
    known = Experiment.compose(file=folder.experiment, overrides=overrides)
    started_in = Path(_data(folder).get("started_in", "."))
    moved = [
        f"{key}={json.dumps(str(started_in / path))}"
        for key, path in data_paths(known.task, "task")
        if not path.is_absolute() and ((started_in / path).exists() or not path.exists())
    ]
    return Experiment.compose(file=folder.experiment, overrides=[*overrides, *moved]) if moved else known


def _data(folder: RunFolder) -> dict[str, Any]:
    try:
        found = read_json(folder.data)
    except MissingFile:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        raise DamagedFile(f"{folder.data} is damaged; remove it to continue without comparing the data")
    return found


def changed_data(folder: RunFolder, experiment: Experiment) -> Iterator[Path]:
    """Yield the data files and folders of a run that have changed since it was started."""
    then = _data(folder).get("files", {})
    for key, path in data_paths(experiment.task, "task"):
        if key in then and fingerprint(path, folder.path) != then[key]:
            yield path


SCORES = "the scores are those on the present data"
PREDICTIONS = "the predictions are wrong if what training learned from it, such as classes, has changed too"


def warnings_of_data(folder: RunFolder, experiment: Experiment, what: str = SCORES) -> Iterator[str]:
    """Yield one line for each change of the data that concerns an evaluation."""
    for path in changed_data(folder, experiment):
        yield f"{path} has changed since the run was started; {what}"


def configuration(folder: RunFolder) -> str:
    """Return the checksum of the options in the experiment file of a run.

    The file is what the user can change. The resolved experiment also changes when a plugin gains an option.
    """
    options = {dotted(key): entry.value for key, entry in read_file(folder.experiment).items()}
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()


def new_options(folder: RunFolder, experiment: Experiment, overrides: Sequence[str]) -> Iterator[str]:
    """Yield one line for each option that components have gained since the run was started."""
    known = {*read_file(folder.experiment), *(key for word in overrides for key in parse_override(word))}
    for key, value in values_in(tomllib.loads(experiment.to_toml())).items():
        if key not in known:
            yield f"{dotted(key)} is new since the run was started; its default is {value!r}"


def check_changes(folder: RunFolder, experiment: Experiment, overrides: Sequence[str]) -> None:
    """Check that a run can be resumed with these options, which the experiment already has.

    Raises:
        InvalidOption: An option is not one of the trainer's or the run's, or chooses another component.
    """
    keys = [key for word in overrides for key in parse_override(word)]
    foreign = [key for key in keys if key[0] not in ("trainer", "run")]
    before, after = read_file(folder.experiment), values_in(tomllib.loads(experiment.to_toml()))
    foreign += [key for key in before if key[-1] == "name" and after.get(key) != before[key].value]
    if overrides and foreign:
        raise InvalidOption(
            f"{dotted(foreign[0])} cannot be changed in a run that has begun; expected options of the trainer"
            " or the run, such as trainer.optimizer.lr; start a new run with -c for others"
        )


def changes(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the changes of options with which a run was resumed, in order."""
    try:
        found = read_json(folder.changes)
    except MissingFile:
        return []
    if not isinstance(found, list) or not all(isinstance(change, dict) for change in found):
        raise DamagedFile(f"{folder.changes} is damaged: expected a list of changes")
    return found


def record_change(folder: RunFolder, experiment: Experiment, step: int, overrides: Sequence[str]) -> None:
    """Record the options with which a run is resumed.

    The former configuration is written first: a crash in between leaves a run that can still be resumed.
    """
    change = {"step": step, "options": list(overrides), "configuration_before": configuration(folder)}
    write_json(folder.changes, [*changes(folder), change])
    write_text(folder.experiment, experiment.to_toml())
