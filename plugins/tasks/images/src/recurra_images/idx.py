"""MNIST as it was published: files in the IDX format, compressed or not."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recurra import DamagedFile, InvalidOption, MissingFile, files
from recurra_images.images import SIDE, Images, Splits, check_labels, split_off

PARTS = {"train": "training", "t10k": "test"}
REMEDY = (
    "take train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and"
    " t10k-labels-idx1-ubyte.gz of MNIST"
)


def has_idx(folder: Path) -> bool:
    """Say whether a folder has images in the IDX format, by the names of its files."""
    return any(_image_files(folder, part) for part in PARTS)


def read_idx_folder(folder: Path) -> Splits:
    """Read training and test images and their labels from a folder.

    Images are in the one file whose name begins with `train` (or `t10k`, of the test images) and ends with
    `images-idx3-ubyte`, and their labels in the file whose name has `labels-idx1` in that place: so
    `train-7996-images-idx3-ubyte` goes with `train-7996-labels-idx1-ubyte`. Each may be compressed, with
    `.gz` after its name, and may have a dot instead of the hyphen before `idx`.

    Raises:
        MissingFile: One of the four is not there.
        InvalidOption: There are several files of images for one part.
        DamagedFile: One cannot be read as IDX, or is not what it should be.
    """
    training, test = (_read_part(folder, part) for part in PARTS)
    return split_off(training, test, str(folder))


def _image_files(folder: Path, part: str) -> list[Path]:
    """Return the files of images of one part; preferring an uncompressed file to a compressed one."""
    names = sorted(
        path.name.removesuffix(".gz")
        for end in ("", ".gz")
        for path in folder.glob(f"{part}*images[-.]idx3-ubyte{end}")
    )
    return [files.first_of(folder, (name, f"{name}.gz"), REMEDY) for name in dict.fromkeys(names)]


def _read_part(folder: Path, part: str) -> Images:
    found = _image_files(folder, part)
    if not found:
        message = f"{folder} has no {part}-images-idx3-ubyte, compressed or not, for the {PARTS[part]} images"
        raise MissingFile(f"{message}; {REMEDY}")
    if len(found) > 1:
        message = f"{folder} has several files of {PARTS[part]} images: {', '.join(p.name for p in found)}"
        raise InvalidOption(f"{message}; leave one of them in the folder")
    before, _, after = found[0].name.removesuffix(".gz").rpartition("images")
    label_file = f"{before}labels{after.replace('idx3', 'idx1')}"
    return files.cached_read(
        _read_pair, found[0], files.first_of(folder, (label_file, f"{label_file}.gz"), REMEDY)
    )


def _read_pair(image_file: Path, label_file: Path) -> Images:
    pixels, labels = _read(image_file, 3), _read(label_file, 1).long()
    if pixels.shape[1:] != (SIDE, SIDE):
        size = " x ".join(map(str, pixels.shape[1:]))
        raise DamagedFile(f"{image_file} has images of {size} pixels; they must be 28 x 28; {REMEDY}")
    if len(pixels) != len(labels):
        message = f"{image_file} has {len(pixels):,} images and {label_file.name} {len(labels):,} labels"
        raise DamagedFile(f"{message}; replace them: {REMEDY}")
    check_labels(labels, str(label_file))
    return Images(pixels.flatten(1), labels)


def _read(path: Path, axes: int) -> Tensor:
    """Read numbers from 0 to 255 with so many axes: zeros, type and axes, the sizes, the numbers."""
    data, kind = files.content_of(path, "IDX", REMEDY), bytes([0, 0, 8, axes])
    if data[:4] != kind:
        message = f"{path} is not an IDX file of {'images' if axes == 3 else 'labels'}: it begins with"
        raise DamagedFile(
            f"{message} '{data[:4].hex(' ')}' instead of '{kind.hex(' ')}'; replace it: {REMEDY}"
        )
    sizes = [int.from_bytes(data[start : start + 4], "big") for start in range(4, 4 + 4 * axes, 4)]
    due = 4 + 4 * axes + prod(sizes)
    if len(data) != due:
        message = f"{path} holds {len(data):,} bytes, and by its header it must hold {due:,}"
        raise DamagedFile(f"{message}; replace it: {REMEDY}")
    # A copy, since torch warns of arrays that it must not write to.
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * axes).copy()).reshape(sizes)
