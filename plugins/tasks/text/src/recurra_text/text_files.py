"""Text in plain files, and how one file is cut into splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

from pydantic import Field

from recurra import DamagedFile, InvalidOption, MissingFile, Split, files
from recurra_text.tables import PARTS

Share = Annotated[
    float,
    Field(gt=0, lt=1, description="of one file, the fraction that is held out, after the training part"),
]


def decoded(data: bytes, path: Path, remedy: str) -> str:
    """Return text from UTF-8, with or without a byte-order mark, its line ends all made the same.

    Raises:
        DamagedFile: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise files.unreadable(path, "text in UTF-8", error, remedy) from None


def check_file(path: Path, remedy: str) -> None:
    """Check that a file is there.

    Raises:
        MissingFile: It is not.
    """
    if not path.is_file():
        raise MissingFile(f"the file {path} does not exist; {remedy}")


def filled(path: Path, remedy: str) -> bytes:
    """Return what is in a file, decompressed if its name ends in .gz.

    Raises:
        DamagedFile: It cannot be read, or is empty.
    """
    data = files.content_of(path, "text", remedy)
    if not data.strip():
        raise DamagedFile(f"{path} is empty; {remedy}")
    return data


def sentences_in(path: Path, remedy: str) -> list[str]:
    """Return the lines of a text file that are not empty.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: It is empty or not UTF-8.
    """
    check_file(path, remedy)
    return [line for line in decoded(filled(path, remedy), path, remedy).split("\n") if line.strip()]


def files_of(folder: Path, endings: Sequence[str], remedy: str) -> Mapping[Split, Path]:
    """Return the file of each split in a folder, such as `train.txt`, `ptb.valid.txt` and `test.txt.gz`.

    Raises:
        MissingFile: There is no such folder, or no file of a split.
    """
    files.check_folder(folder, remedy)
    found = {split: file_of(folder, split, endings) for split in PARTS}
    lacking = [split for split, path in found.items() if path is None]
    if lacking:
        raise MissingFile(f"{folder} has no {lacking[0]}{endings[0]}, compressed or not; {remedy}")
    return {split: path for split, path in found.items() if path is not None}


def file_of(folder: Path, split: Split, endings: Sequence[str]) -> Path | None:
    """Return the plain file of a split in a folder, compressed or not, or None."""
    paths = (
        folder / f"{before}{part}{end}{packed}"
        for part, before, end, packed in product(PARTS[split], ("", "ptb.", "wiki."), endings, ("", ".gz"))
    )
    return next((path for path in paths if path.is_file()), None)


def cut(number: int, held_out: tuple[float, float], least: int, where: str) -> Mapping[Split, slice]:
    """Cut so many things into what is trained on, then so large shares for validation and for test.

    Raises:
        InvalidOption: The shares leave nothing to train on.
        DamagedFile: A part would have fewer than `least` of them.
    """
    if sum(held_out) >= 1:
        message = f"validation_share = {held_out[0]} and test_share = {held_out[1]} leave nothing to train on"
        raise InvalidOption(f"{message}; together they must be less than 1")
    validation, test = (round(number * share) for share in held_out)
    first = number - validation - test
    sizes: Mapping[Split, int] = {"train": first, "validation": validation, "test": test}
    check_sizes(sizes, least, where)
    return {
        "train": slice(first),
        "validation": slice(first, first + validation),
        "test": slice(first + validation, number),
    }


def check_sizes(sizes: Mapping[Split, int], least: int, where: str) -> None:
    """Check that every split has enough.

    Raises:
        DamagedFile: One has fewer than `least`.
    """
    for split, size in sizes.items():
        if size < least:
            message = f"the split '{split}' of {where} has {size}, and needs at least {least}"
            raise DamagedFile(f"{message}; give it more data or, of one file, a larger share")
