"""Text in plain files, and how one file is cut into splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from recurra.errors import DamagedFile, InvalidOption, MissingFile
from recurra.sources import check_folder, content_of, first_of, unreadable
from recurra.task import Split
from recurra_text.tables import PARTS

S = TypeVar("S", bound=Sequence[Any])
Share = Annotated[
    float, Field(gt=0, lt=1, description="of one file, the share that is held out, after what is trained on")
]


def decoded(data: bytes, path: Path, remedy: str) -> str:
    """Return text from UTF-8, with or without a byte-order mark, its line ends all made the same.

    Raises:
        DamagedFile: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise unreadable(path, "text in UTF-8", error, remedy) from None


def read_file(path: Path, kind: str, remedy: str) -> bytes:
    """Return what is in a file that the user named, unpacked if its name ends in .gz.

    Raises:
        MissingFile: There is none.
        DamagedFile: It cannot be read, or is empty.
    """
    if not path.is_file():
        raise MissingFile(f"the file {path} does not exist; {remedy}")
    data = content_of(path, kind, remedy)
    if not data.strip():
        raise DamagedFile(f"{path} is empty; {remedy}")
    return data


def files_of(folder: Path, endings: Sequence[str], remedy: str) -> Mapping[Split, Path]:
    """Return the file of each split in a folder, such as `train.txt`, `ptb.valid.txt` and `test.txt.gz`.

    Raises:
        MissingFile: There is no such folder, or no file of a split.
    """
    check_folder(folder, remedy)
    return {split: _file_of(folder, split, endings, remedy) for split in PARTS}


def _file_of(folder: Path, split: Split, endings: Sequence[str], remedy: str) -> Path:
    names = [
        f"{before}{part}{end}{packed}"
        for part, before, end, packed in product(PARTS[split], ("", "ptb.", "wiki."), endings, ("", ".gz"))
    ]
    try:
        return first_of(folder, names, remedy)
    except MissingFile:
        raise MissingFile(f"{folder} has no {split}{endings[0]}, packed or not; {remedy}") from None


def cut(symbols: S, held_out: tuple[float, float], least: int, where: str) -> Mapping[Split, S]:
    """Cut a sequence into three: what is trained on, then so large shares for validation and for test.

    Raises:
        InvalidOption: The shares leave nothing to train on.
        DamagedFile: A part would have fewer than `least` members.
    """
    if sum(held_out) >= 1:
        told = f"validation_share = {held_out[0]} and test_share = {held_out[1]} leave nothing to train on"
        raise InvalidOption(f"{told}; together they must be less than 1")
    validation, test = (round(len(symbols) * share) for share in held_out)
    first = len(symbols) - validation - test
    parts: Mapping[Split, S] = {
        "train": symbols[:first],
        "validation": symbols[first : first + validation],
        "test": symbols[first + validation :],
    }  # type: ignore[assignment]
    check_sizes(parts, least, where)
    return parts


def check_sizes(parts: Mapping[Split, Sequence[Any]], least: int, where: str) -> None:
    """Check that every split has enough.

    Raises:
        DamagedFile: One has fewer than `least` members.
    """
    for split, part in parts.items():
        if len(part) < least:
            told = f"the split '{split}' of {where} would have {len(part)}, and needs at least {least}"
            raise DamagedFile(f"{told}; give it more data or, of one file, a larger share")
