"""Labelled images in memory, what they must be, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from recurra import DamagedFile, Split

SIDE, CLASSES = 28, 10
HELD_OUT = 12
"""The last of so many parts of the training images is for validation: 5,000 of 60,000."""


class Images(NamedTuple):
    """Images and what they show: pixels (N, 784) from 0 to 255, row by row, in uint8; labels (N,), 0 to 9."""

    pixels: Tensor
    labels: Tensor


Splits = Mapping[Split, Images]


def split_off(training: Images, test: Images, where: str) -> Splits:
    """Return the three splits: the last twelfth of the training images, at least one, is for validation.

    Raises:
        DamagedFile: There are fewer than two training images, or `where` has none for test.
    """
    number = len(training.labels)
    if number < 2 or not len(test.labels):
        message = f"{where} holds {number} images for training and {len(test.labels)} for test"
        raise DamagedFile(f"{message}; it must have at least two and one")
    first = number - max(1, number // HELD_OUT)
    return {
        "train": Images(training.pixels[:first], training.labels[:first]),
        "validation": Images(training.pixels[first:], training.labels[first:]),
        "test": test,
    }


def check_labels(labels: Tensor, where: str) -> None:
    """Check that labels (N,) are digits.

    Raises:
        DamagedFile: One is not.
    """
    wrong = ((labels < 0) | (labels >= CLASSES)).nonzero()
    if len(wrong):
        n = int(wrong[0])
        message = f"{where} has the label {int(labels[n])} for image {n + 1}"
        raise DamagedFile(f"{message}, and labels must be from 0 to 9; replace it")
