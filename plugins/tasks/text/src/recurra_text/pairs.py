"""Sentences and their translations: two columns in plain files, in Parquet or on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recurra import DamagedFile, Split, files
from recurra_text.tables import PARTS, Columns, hub_columns, parquet_columns, parquet_files
from recurra_text.text_files import check_file, check_sizes, cut, decoded, file_of, files_of, filled

Pairs = list[tuple[str, str]]
Splits = Mapping[Split, Pairs]
REMEDY = (
    "put a sentence, a tab and its translation on each line, in train.tsv, valid.tsv and test.tsv, or name"
    " one file in task.file"
)
ENDINGS = (".tsv", ".txt")


def read_one(path: Path, held_out: tuple[float, float]) -> Splits:
    """Read one file, and cut it in its order, so that no sentence is in two splits.

    Raises:
        MissingFile: There is none.
        DamagedFile: It cannot be read, has other columns than two, or is too short to be cut.
        InvalidOption: The shares leave nothing to train on.
    """
    check_file(path, REMEDY)
    pairs: Pairs = files.cached_read(_read, path)
    sentences = list(dict.fromkeys(sentence for sentence, _ in pairs))
    spans = cut(len(sentences), held_out, 1, str(path))
    split_of = {sentence: split for split, span in spans.items() for sentence in sentences[span]}
    return {split: [pair for pair in pairs if split_of[pair[0]] == split] for split in PARTS}


def read_folder(folder: Path, columns: tuple[str, str]) -> Splits:
    """Read the three files of a folder: text, compressed or not, or Parquet with a column per language.

    Raises:
        MissingFile: There is no such folder, or no file of a split.
        DamagedFile: A file cannot be read, is empty or has other columns.
    """
    if file_of(folder, "train", ENDINGS) is None and parquet_files(folder, "train"):
        return _zipped(
            {split: parquet_columns(folder, split, columns, REMEDY) for split in PARTS}, str(folder)
        )
    return {
        split: files.cached_read(_read, path) for split, path in files_of(folder, ENDINGS, REMEDY).items()
    }


def read_hub(name: str, revision: str, configuration: str | None, columns: tuple[str, str]) -> Splits:
    """Read a data set on the Hub with a column of each language, by itself or within `translation`.

    Raises:
        MissingFile: The Hub cannot be reached, or has no such data set, revision or configuration.
        DamagedFile: It has no such columns, or lacks a split.
    """
    return _zipped(hub_columns(name, revision, configuration, tuple(PARTS), columns, REMEDY), name)


def _zipped(found: Mapping[Split, Columns], where: str) -> Splits:
    check_sizes({split: len(columns[0]) for split, columns in found.items()}, 1, where)
    return {
        split: list(zip(map(str, columns[0]), map(str, columns[1]), strict=True))
        for split, columns in found.items()
    }


def _read(path: Path) -> Pairs:
    lines = decoded(filled(path, REMEDY), path, REMEDY).split("\n")
    return [_pair(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]


def _pair(line: str, number: int, path: Path) -> tuple[str, str]:
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) != 2:
        message = f"line {number} of {path} has {len(columns)} columns; it must have 2; {REMEDY}"
        raise DamagedFile(f"{message} (`cut -f1,2` takes the first two)" if len(columns) > 2 else message)
    if not all(columns):
        raise DamagedFile(f"line {number} of {path} lacks a sentence or its translation; {REMEDY}")
    return columns[0], columns[1]
