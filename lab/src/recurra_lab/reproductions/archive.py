"""A folder of records: `NAME.json`, what was measured, with the page `NAME.md` and the curves `NAME.svg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recurra.errors import DamagedFile, InvalidOption, MissingFile
from recurra_lab.artifacts.atomic_files import durable, write_text
from recurra_lab.reproductions.catalogue import Shipped, find, shipped
from recurra_lab.reproductions.curves import curves
from recurra_lab.reproductions.page import page
from recurra_lab.reproductions.record import Record, changed_options, read_record, write_record
from recurra_lab.reproductions.reference import Claim, claim_of

RECORDS = Path("benchmarks", "results", "reproductions")
"""Where the records of this repository are."""


class Known(NamedTuple):
    """A recorded experiment."""

    claim: Claim
    record: Record


def stem_of(name: str) -> str:
    """Return the name of the files of an experiment: `graves2014-copy` for `graves2014/copy`."""
    return name.replace("/", "-")


def record_path(name: str, folder: Path) -> Path:
    """Return where the record of an experiment is, whether it exists or not."""
    return folder / f"{stem_of(name)}.json"


def load(experiment: Shipped, folder: Path) -> Known:
    """Return the claim and the record of an experiment.

    Raises:
        MissingFile: It has no record.
        DamagedFile: The record is of another experiment, or is not a record.
        InvalidOption: The experiment file has changed since it was recorded.
    """
    path = record_path(experiment.name, folder)
    if not path.is_file():
        raise MissingFile(f"{experiment.name} has no record in {folder}; write one with --record")
    record = read_record(path)
    if record.experiment != experiment.name:
        raise DamagedFile(f"{path} is the record of {record.experiment} and not of {experiment.name}")
    changed = changed_options(record, experiment.path)
    if changed:
        raise InvalidOption(
            f"{path} was recorded with another value of {', '.join(changed)} than {experiment.path} has;"
            " restore the file, or record it again with fresh seeds"
        )
    return Known(claim_of(experiment.path), record)


def recorded(folder: Path) -> Iterator[Known]:
    """Yield all recorded experiments by name; raises the errors of `load`, and of unknown experiments."""
    for path in sorted(folder.glob("*.json")):
        yield load(find(read_record(path).experiment), folder)


def unrecorded(folder: Path) -> list[Shipped]:
    """Return the installed experiments without a record, sorted by name."""
    return [one for one in shipped() if not record_path(one.name, folder).is_file()]


def save(claim: Claim, record: Record, folder: Path) -> None:
    """Write a record, its page and its curves."""
    folder.mkdir(parents=True, exist_ok=True)
    write_record(record, record_path(record.experiment, folder))
    save_page(claim, record, folder)


def save_page(claim: Claim, record: Record, folder: Path) -> None:
    """Write the page of a record and its curves, if there are any."""
    drawn, stem = curves(record), stem_of(record.experiment)
    write_text(folder / f"{stem}.md", page(claim, record, f"{stem}.svg" if drawn else None))
    if drawn:
        with durable(folder / f"{stem}.svg") as file:
            file.write(drawn)
