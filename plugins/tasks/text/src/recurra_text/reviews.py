"""Film reviews with their sentiment, as they are published: folders of files, Parquet, CSV, the Hub."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from recurra import DamagedFile, MissingFile, Split, files
from recurra_text.tables import Columns, hub_columns, parquet_columns, parquet_files
from recurra_text.text_files import decoded

NAME = "stanfordnlp/imdb"
REVISION = "e6281661ce1c48d982bc483cf8a173c1bbeb5d31"
NUMBERS: Mapping[Split, int] = {"train": 25_000, "test": 25_000}
"""Reviews of each part."""
COLUMNS = ("text", "label")
CLASSES = {"neg": 0, "pos": 1}
NEGATIVE, POSITIVE = "negative", "positive"
WORDS = {NEGATIVE: 0, POSITIVE: 1, "0": 0, "1": 1, "neg": 0, "pos": 1}
HELD_OUT, HALF = 10, 2
"""The last of so many parts of each class: for validation, and of a single file for test."""
REMEDY = "take aclImdb_v1.tar.gz (https://ai.stanford.edu/~amaas/data/sentiment), unpacked"
ANOTHER = "name another revision"


class Reviews(NamedTuple):
    """Reviews and whether each is favourable: 0 no, 1 yes."""

    texts: list[str]
    labels: list[int]


Splits = Mapping[Split, Reviews]


def read_folder(folder: Path) -> Splits:
    """Read the reviews of a folder: that of the archive, Parquet as on the Hub, or one CSV file.

    Raises:
        MissingFile: There is no such folder, or nothing of this in it.
        DamagedFile: A file cannot be read, or holds something else; or a split lacks a class.
    """
    files.check_folder(folder, REMEDY)
    for root in (folder, folder / "aclImdb"):
        if (root / "train" / "pos").is_dir():
            training, test = (_of_files(root, split) for split in NUMBERS)
            return split_off(training, test, str(root))
    if parquet_files(folder, "train"):
        parts = [parquet_columns(folder, split, COLUMNS, REMEDY) for split in NUMBERS]
        training, test = (_labelled(part, str(folder), REMEDY) for part in parts)
        return split_off(training, test, str(folder))
    return _of_csv(folder)


@functools.cache
def read_hub(revision: str) -> Splits:
    """Read the reviews from the Hub, and compare how many there are with what is known.

    Raises:
        MissingFile: The Hub cannot be reached, or has no such revision.
        DamagedFile: What is there is something else.
    """
    found = hub_columns(NAME, revision, None, tuple(NUMBERS), COLUMNS, REMEDY)
    training, test = (_official(found[split], split) for split in NUMBERS)
    return split_off(training, test, NAME)


def _official(columns: Columns, split: Split) -> Reviews:
    found, number = _labelled(columns, f"{NAME} ({split})", ANOTHER), NUMBERS[split]
    if len(found.texts) != number:
        message = f"{NAME} ({split}) has {len(found.texts):,} reviews, and must have {number:,}"
        raise DamagedFile(f"{message}; {ANOTHER}")
    return found


def split_off(training: Reviews, test: Reviews, where: str) -> Splits:
    """Return the three splits: of each class of the training reviews the last tenth is for validation.

    Reviews that come twice in training are taken once, so that none is in both splits.

    Raises:
        DamagedFile: A split lacks a class.
    """
    training, validation = _parted(_once(training), HELD_OUT)
    splits: Splits = {"train": training, "validation": validation, "test": test}
    for split, part in splits.items():
        if set(part.labels) != {0, 1}:
            message = f"{where} has too few reviews: the split '{split}' has {len(part.texts)}, and must have"
            raise DamagedFile(f"{message} favourable ones and others; {REMEDY}")
    return splits


def _once(reviews: Reviews) -> Reviews:
    found = dict(zip(reviews.texts, reviews.labels, strict=True))
    return Reviews(list(found), list(found.values()))


def _parted(reviews: Reviews, parts: int) -> tuple[Reviews, Reviews]:
    """Take off the last of so many parts of each class, at least one review."""
    first, last = set[int](), set[int]()
    for label in CLASSES.values():
        rows = [row for row, found in enumerate(reviews.labels) if found == label]
        number = len(rows) - max(1, len(rows) // parts)
        first.update(rows[: max(0, number)])
        last.update(rows[max(0, number) :])
    return _chosen(reviews, sorted(first)), _chosen(reviews, sorted(last))


def _chosen(reviews: Reviews, rows: Sequence[int]) -> Reviews:
    return Reviews(*([part[row] for row in rows] for part in reviews))  # type: ignore[arg-type]


def _of_files(root: Path, split: Split) -> Reviews:
    """Read `pos` and `neg` below the folder of a split, a review in each file."""
    paths = {name: sorted((root / split / name).glob("*.txt")) for name in CLASSES}
    lacking = [name for name, found in paths.items() if not found]
    if lacking:
        raise MissingFile(f"{root / split / lacking[0]} has no reviews, *.txt; {REMEDY}")
    texts: list[str] = files.cached_read(_read_files, *chain.from_iterable(paths.values()))
    return Reviews(texts, [CLASSES[name] for name, found in paths.items() for _ in found])


def _read_files(*paths: Path) -> list[str]:
    other = next((path for path in paths if not path.is_file()), None)
    if other is not None:  # a pipe is never ready, and a device has no end
        raise DamagedFile(f"{other} is not a file; {REMEDY}")
    return [decoded(files.content_of(path, "text", REMEDY), path, REMEDY) for path in paths]


def _labelled(columns: Columns, where: str, remedy: str) -> Reviews:
    texts, labels = columns
    wrong = next((row for row, label in enumerate(labels) if label not in (0, 1)), None)
    if wrong is not None:
        message = f"{where} has the label {labels[wrong]} in row {wrong + 1}, and labels must be 0 or 1"
        raise DamagedFile(f"{message}; {remedy}")
    return Reviews(list(map(str, texts)), labels)


def _of_csv(folder: Path) -> Splits:
    """Read one file that has no split of its own: of each class the first half is for training."""
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    if len(paths) != 1:
        message = f"{folder} has neither train/pos, nor train-*.parquet, nor one file *.csv or *.csv.gz"
        raise MissingFile(f"{message}; {REMEDY}")
    training, test = _parted(_once(files.cached_read(_read_csv, paths[0])), HALF)
    return split_off(training, test, str(paths[0]))


def _read_csv(path: Path) -> Reviews:
    remedy = "write a table with the columns review and sentiment, positive or negative"
    text = decoded(files.content_of(path, "CSV", remedy), path, remedy)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"review", "sentiment"} <= set(rows.fieldnames or ()):
        message = f"{path} has the columns {', '.join(rows.fieldnames or ['none'])}"
        raise DamagedFile(f"{message}, and must have review and sentiment; {remedy}")
    found = Reviews([], [])
    for number, row in enumerate(rows, 1):
        if row["sentiment"] not in WORDS:
            message = f"{path} has the sentiment '{row['sentiment']}' in row {number}"
            raise DamagedFile(f"{message}; {remedy}")
        found.texts.append(row["review"])
        found.labels.append(WORDS[row["sentiment"]])
    return found
