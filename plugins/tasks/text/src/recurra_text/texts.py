"""The text of a language model: one file that is cut, three files, or a data set on the Hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from recurra import Split, files
from recurra_text.coding import (
    BYTES,
    UNKNOWN,
    Coded,
    Codes,
    Level,
    Vocabulary,
    characters_of,
    lines_of,
    words_of,
)
from recurra_text.tables import PARTS, hub_columns, parquet_columns, parquet_files
from recurra_text.text_files import check_file, check_sizes, cut, decoded, file_of, files_of, filled

REMEDY = (
    "set task.folder to a folder with train.txt, valid.txt and test.txt, or task.file to one file, in UTF-8"
)
ENDINGS = (".txt", ".tokens")
LEAST = 2
"""Symbols of a split: one to read and one to predict."""


class Texts(NamedTuple):
    """What is read: the bytes of each split, or of one file that is still to be cut, and where from."""

    data: Mapping[Split, bytes] | bytes
    where: str


class Tokens(NamedTuple):
    """A text as tokens: split -> (N,), how many kinds there are, and their names, but of bytes."""

    splits: Mapping[Split, Tensor]
    kinds: int
    names: list[str]


def read_one(path: Path) -> Texts:
    """Read one file.

    Raises:
        MissingFile: There is none.
        DamagedFile: It cannot be read, or is empty.
    """
    check_file(path, REMEDY)
    return Texts(files.cached_read(_read, path), str(path))


def _read(path: Path) -> bytes:
    return filled(path, REMEDY)


def read_folder(folder: Path, column: str) -> Texts:
    """Read the three files of a folder: plain text, compressed or not, else Parquet with a column of lines.

    Raises:
        MissingFile: There is no such folder, or no file of a split.
        DamagedFile: A file cannot be read, or is empty.
    """
    if file_of(folder, "train", ENDINGS) is None and parquet_files(folder, "train"):
        parts = {split: parquet_columns(folder, split, (column,), REMEDY)[0] for split in PARTS}
        return Texts({split: joined(lines) for split, lines in parts.items()}, str(folder))
    paths = files_of(folder, ENDINGS, REMEDY)
    return Texts({split: files.cached_read(_read, path) for split, path in paths.items()}, str(folder))


def read_hub(name: str, revision: str, configuration: str | None, column: str) -> Texts:
    """Read a data set on the Hub: a line, or a passage, in each row.

    Raises:
        MissingFile: The Hub cannot be reached, or has no such data set, revision or configuration.
        DamagedFile: It has no such column, or lacks a split.
    """
    parts = hub_columns(name, revision, configuration, tuple(PARTS), (column,), REMEDY)
    return Texts({split: joined(lines) for split, (lines,) in parts.items()}, name)


def joined(lines: list[str]) -> bytes:
    """Return lines, with or without the sign of their end, as one text."""
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in map(str, lines)).encode()


def tokens_of(texts: Texts, level: Level, most: int, held_out: tuple[float, float]) -> Tokens:
    """Return texts as tokens, of which those are known that training has; 0 is any unknown symbol.

    Raises:
        DamagedFile: The text is not UTF-8, and is not read by bytes; or a split is too short.
        InvalidOption: The shares that are held out of one file leave nothing to train on.
    """
    codes, names = _codes(texts, level, held_out)
    if level == "byte":
        return Tokens({split: torch.from_numpy(part.copy()) for split, part in codes.items()}, BYTES, [])
    counts = np.bincount(codes["train"], minlength=len(names))
    vocabulary = Vocabulary(counts, names, most, 1)
    splits = {split: vocabulary.tokens(part) for split, part in codes.items()}
    return Tokens(splits, vocabulary.size, [UNKNOWN, *vocabulary.names])


def _codes(
    texts: Texts, level: Level, held_out: tuple[float, float]
) -> tuple[Mapping[Split, Codes], Sequence[str]]:
    if isinstance(texts.data, bytes):
        coded = _coded([texts.data], level, texts.where)
        (codes,) = coded.codes
        spans = cut(len(codes), held_out, LEAST, texts.where)
        return {split: codes[span] for split, span in spans.items()}, coded.names
    coded = _coded(list(texts.data.values()), level, texts.where)
    parts = dict(zip(texts.data, coded.codes, strict=True))
    check_sizes({split: len(part) for split, part in parts.items()}, LEAST, texts.where)
    return parts, coded.names


def _coded(parts: Sequence[bytes], level: Level, where: str) -> Coded:
    if level == "byte":
        return Coded([np.frombuffer(data, np.uint8) for data in parts], [])
    message = f"{REMEDY}, or read bytes with task.level=byte"
    texts = [decoded(data, Path(where), message) for data in parts]
    return characters_of(texts) if level == "character" else words_of(map(lines_of, texts))
