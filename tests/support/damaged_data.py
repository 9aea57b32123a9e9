"""Small data files of every format that tasks read, and the faults that they may have."""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from scipy.io import savemat

ROWS = 40
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Reader:
    """A task that reads files.

    Args:
        words: The task and its options; `{}` stands for the file or the folder.
        write: Writes intact files into a folder and returns the one to damage and the one to name.
    """

    words: tuple[str, ...]
    write: Callable[[Path], tuple[Path, Path]]


def _series(folder: Path) -> tuple[Path, Path]:
    days = [date(2020, 1, 1) + timedelta(day) for day in range(200)]
    rows = [f"{day},{place * 0.5:.2f},{place % 7}" for place, day in enumerate(days)]
    return _alone(folder / "series.csv", "\n".join(["date,price,amount", *rows, ""]))


def _long_table(folder: Path) -> tuple[Path, Path]:
    rows = [f"{row // 10},{row * 0.1:.1f},{row % 2}" for row in range(ROWS)]
    return _alone(folder / "steps.csv", "\n".join(["id,value,tag", *rows, ""]))


def _json_lines(folder: Path) -> tuple[Path, Path]:
    rows = [{"x": [row * 0.1] * (3 + row % 4), "y": row * 0.5} for row in range(ROWS)]
    return _alone(folder / "rows.jsonl", "\n".join([*map(json.dumps, rows), ""]))


def _parquet(folder: Path) -> tuple[Path, Path]:
    rows = {
        "x": [[row * 0.1] * 4 for row in range(ROWS)],
        "label": ["a" if row % 2 else "b" for row in range(ROWS)],
    }
    pq.write_table(pa.table(rows), path := folder / "rows.parquet")
    return path, path


def _text(folder: Path) -> tuple[Path, Path]:
    return _alone(folder / "book.txt", "All work and no play makes a dull boy.\n" * 200)


def _compressed(folder: Path) -> tuple[Path, Path]:
    path = folder / "book.txt.gz"
    path.write_bytes(gzip.compress(b"All work and no play makes a dull boy.\n" * 200))
    return path, path


def _pairs(folder: Path) -> tuple[Path, Path]:
    return _alone(folder / "pairs.tsv", "".join(f"one {n} two\teins {n} zwei\n" for n in range(ROWS)))


def _reviews(folder: Path) -> tuple[Path, Path]:
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            (folder / part / label).mkdir(parents=True)
            for n in range(6):
                (folder / part / label / f"{n}_7.txt").write_text(f"a {label} film, number {n}")
    return folder / "train" / "pos" / "0_7.txt", folder


def _trees(folder: Path) -> tuple[Path, Path]:
    for name in ("train", "dev", "test"):
        (folder / f"{name}.txt").write_text(
            "(3 (2 It) (4 (2 's) (4 good)))\n(1 (2 So) (0 (1 very) (0 bad)))\n" * 5
        )
    return folder / "train.txt", folder


def _images(folder: Path) -> tuple[Path, Path]:
    for part, count in (("train", 60), ("t10k", 20)):
        images = struct.pack(">4i", 0x803, count, 28, 28) + bytes(range(256)) * (count * 784 // 256 + 1)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images[: 16 + count * 784])
        labels = struct.pack(">2i", 0x801, count) + bytes(n % 10 for n in range(count))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return folder / "train-images-idx3-ubyte", folder


def _rolls(folder: Path) -> tuple[Path, Path]:
    pieces = np.empty((1, 4), dtype=object)
    for n in range(4):
        pieces[0, n] = np.eye(88, dtype=np.uint8)[: 8 + n]
    savemat(path := folder / "JSB_Chorales.mat", {f"{split}data": pieces for split in SPLITS})
    return path, folder


def _alone(path: Path, text: str) -> tuple[Path, Path]:
    path.write_text(text, "utf-8")
    return path, path


READERS = {
    "CSV, time series": Reader(("time-series", "task.file={}"), _series),
    "CSV, steps in rows": Reader(
        ("tagging", "task.file={}", "task.target=tag", "task.sequence=id"), _long_table
    ),
    "JSON lines": Reader(("sequence-regression", "task.file={}", "task.target=y"), _json_lines),
    "Parquet": Reader(("sequence-classification", "task.file={}", "task.target=label"), _parquet),
    "text": Reader(("language-model", "task.file={}"), _text),
    "text, compressed": Reader(("language-model", "task.file={}"), _compressed),
    "pairs of sentences": Reader(("translation", "task.file={}"), _pairs),
    "folder of reviews": Reader(("imdb", "task.folder={}"), _reviews),
    "trees": Reader(("sst", "task.folder={}"), _trees),
    "IDX": Reader(("mnist", "task.folder={}"), _images),
    ".mat": Reader(("piano-roll", "task.folder={}"), _rolls),
}
ODD = (
    b"nan", b"inf", b"-1e999", b"9" * 400, b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b'"', b",,,", b"\t\t",
    b"((((", b"[" * 5000, b"{}", b"null", "\u2028".encode(), "é".encode("latin-1"), b"\x1b[31m", b"[/b]", b"x" * 100_000,
)  # fmt: skip


def damage(path: Path, others: Sequence[bytes], draw: random.Random) -> None:
    """Give a file one fault: bytes, lines, its end, its content or what it is."""
    content = path.read_bytes()
    place, lines = draw.randrange(len(content)), content.splitlines(keepends=True)
    row = draw.randrange(len(lines))
    faults: dict[str, Callable[[], bytes]] = {
        "bit": lambda: (
            content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
        ),
        "cut": lambda: content[:place],
        "zeros": lambda: content[:place] + bytes(min(64, len(content) - place)) + content[place + 64 :],
        "empty": lambda: b"",
        "foreign": lambda: draw.choice(others),
        "odd": lambda: content[:place] + draw.choice(ODD) + content[place:],
        "odder": lambda: content[:place] + draw.choice(ODD) + content[place + draw.randrange(1, 9) :],
        "row lost": lambda: b"".join(lines[:row] + lines[row + 1 :]),
        "row twice": lambda: b"".join([*lines[: row + 1], *lines[row:]]),
        "encoding": lambda: content.decode("latin-1").encode(draw.choice(["utf-16", "utf-8-sig", "utf-32"])),
    }
    fault = draw.choice([*faults, "folder", "pipe", "endless", "gone"])
    path.unlink()
    if fault in faults:
        path.write_bytes(faults[fault]())
    elif fault == "folder":
        path.mkdir()
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "endless":
        path.symlink_to("/dev/zero")


def contents(root: Path) -> list[bytes]:
    """Return an intact file of each format."""
    return [path.read_bytes() for path in _written(root)]


def _written(root: Path) -> Iterable[Path]:
    for place, reader in enumerate(READERS.values()):
        folder = root / str(place)
        folder.mkdir(parents=True)
        yield reader.write(folder)[0]
