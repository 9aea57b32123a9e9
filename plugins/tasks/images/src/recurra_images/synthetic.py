"""Made-up digits of seven segments, so that the task can be tried without a file."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from recurra_images.images import CLASSES, SIDE, Images, Splits, split_off

SEGMENTS = {
    "a": (0, 3, 0, 12),
    "b": (0, 10, 9, 12),
    "c": (9, 19, 9, 12),
    "d": (16, 19, 0, 12),
    "e": (9, 19, 0, 3),
    "f": (0, 10, 0, 3),
    "g": (8, 11, 0, 12),
}
"""First row, row after the last, first column and column after the last, from the corner of the digit."""
DIGITS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")


@functools.cache
def synthetic() -> Splits:
    """Return 220 images for training, 20 for validation and 40 for test."""
    rng = torch.Generator().manual_seed(0)
    return split_off(_drawn(240, rng), _drawn(40, rng), "the sample")


def _drawn(number: int, rng: torch.Generator) -> Images:
    """Draw every digit equally often, each at a place and in a brightness of its own."""
    labels = torch.arange(number) % CLASSES
    corners = torch.randint(1, 9, (number, 2), generator=rng).tolist()
    brightness = torch.randint(128, 256, (number,), generator=rng).tolist()
    images = [_digit(*each) for each in zip(labels.tolist(), corners, brightness, strict=True)]
    order = torch.randperm(number, generator=rng)
    return Images(torch.stack(images)[order].flatten(1), labels[order])


def _digit(digit: int, corner: list[int], brightness: int) -> Tensor:
    image = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    down, right = corner
    for name in DIGITS[digit]:
        top, bottom, left, end = SEGMENTS[name]
        image[down + top : down + bottom, right + left : right + end] = brightness
    return image
