"""MNIST from the Hub: Parquet files with a PNG image and a label in each row."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from recurra import DamagedFile, InvalidOption, MissingFile, files
from recurra_images.idx import REMEDY
from recurra_images.images import SIDE, Images, Splits, check_labels, split_off

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

NAME = "ylecun/mnist"
REVISION = "77f3279092a1c1579b2250db8eafed0ad422088c"
NUMBERS = {"train": 60_000, "test": 10_000}
"""Images of each part of MNIST."""
COLUMNS = ("image", "label")
ANOTHER = "name another revision"


@functools.cache
def read_hub(revision: str) -> Splits:
    """Read MNIST from the Hub, and compare how many images it has with what is known.

    Raises:
        InvalidOption: The revision is empty.
        MissingFile: The Hub cannot be reached, or has no such revision.
        DamagedFile: What is there is not MNIST.
    """
    if not revision:
        raise InvalidOption(f"MNIST: revision is empty; it must name a commit of {NAME}")
    what = f"{NAME} at revision '{revision}'"
    found = files.from_hub(what, f"{REMEDY}, and name their folder in task.folder", NAME, revision=revision)
    training, test = (_checked(found, part) for part in NUMBERS)
    return split_off(training, test, what)


def _checked(found: Any, part: str) -> Images:
    where, number = f"{NAME} ({part})", NUMBERS[part]
    if part not in found:
        raise DamagedFile(f"{NAME} has no part '{part}', only {', '.join(found)}; {ANOTHER}")
    images = _images(found[part].with_format("arrow")[:], where, ANOTHER)
    if len(images.labels) != number:
        message = f"{where} has {len(images.labels):,} images, and MNIST has {number:,}"
        raise DamagedFile(f"{message}; {ANOTHER}")
    return images


def has_parquet(folder: Path) -> bool:
    """Say whether a folder has training images in Parquet files."""
    return bool(_files(folder, "train"))


def read_parquet_folder(folder: Path) -> Splits:
    """Read a folder laid out like the data set on the Hub: `mnist/train-*.parquet`, `mnist/test-*.parquet`.

    Raises:
        MissingFile: There are no test images.
        DamagedFile: A file cannot be read as Parquet, or holds no images of digits.
    """
    training, test = (_read_part(folder, part) for part in NUMBERS)
    return split_off(training, test, str(folder))


def _files(folder: Path, part: str) -> list[Path]:
    return sorted([*folder.glob(f"{part}-*.parquet"), *folder.glob(f"*/{part}-*.parquet")])


def _read_part(folder: Path, part: str) -> Images:
    paths = _files(folder, part)
    if not paths:
        raise MissingFile(f"{folder} has no {part}-*.parquet beside the others; take it from {NAME}")
    return files.cached_read(_read_files, *paths)


def _read_files(*paths: Path) -> Images:
    remedy = f"take it from {NAME}"
    parts = [_images(files.parquet(path, remedy), str(path), remedy) for path in paths]
    return Images(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _images(table: pa.Table, where: str, remedy: str) -> Images:
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        message = f"{where} has no column '{missing[0]}', only {', '.join(table.column_names)}"
        raise DamagedFile(f"{message}; {remedy}")
    shown, labels = (table[name].to_pylist() for name in COLUMNS)
    pixels = [_pixels(image, f"image {n} of {where}", remedy) for n, image in enumerate(shown, 1)]
    digits = torch.tensor([-1 if label is None else int(label) for label in labels])
    check_labels(digits, where)
    return Images(torch.stack(pixels) if pixels else torch.zeros(0, SIDE * SIDE, dtype=torch.uint8), digits)


def _pixels(image: Any, where: str, remedy: str) -> Tensor:
    try:
        with Image.open(io.BytesIO(image["bytes"])) as opened:
            pixels = np.array(opened)
    except (OSError, SyntaxError, TypeError, ValueError):
        raise DamagedFile(f"{where} cannot be read as an image; {remedy}") from None
    if pixels.shape != (SIDE, SIDE) or pixels.dtype != np.uint8:
        message = f"{where} is {' x '.join(map(str, pixels.shape))} in {pixels.dtype}"
        raise DamagedFile(f"{message}, and images must be 28 x 28 in uint8; {remedy}")
    return torch.from_numpy(pixels).flatten()
