"""A folder of MNIST with a few images that are made here, as IDX files written byte by byte."""

import struct

import pytest
import torch


def _write_idx(path, numbers):
    """Write numbers (N, ...) from 0 to 255 as the format says: zeros, type 8, axes, sizes, numbers."""
    head = struct.pack(f">HBB{numbers.dim()}I", 0, 8, numbers.dim(), *numbers.shape)
    path.write_bytes(head + bytes(numbers.flatten().tolist()))
    return path


def _drawn(number, seed):
    """Return images (N, 28, 28) of noise, and their labels."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, (number, 28, 28), generator=rng), torch.randint(10, (number,), generator=rng)


@pytest.fixture
def folder_of(tmp_path):
    """Write the four files, and return the folder; 26 images for training and 8 for test unless said."""

    def write(training=None, test=None, name="train"):
        parts = {name: training or _drawn(26, 1), "t10k": test or _drawn(8, 2)}
        for part, (images, labels) in parts.items():
            _write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
            _write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
        return tmp_path

    return write


@pytest.fixture
def folder(folder_of):
    return folder_of()


@pytest.fixture
def drawn():
    return _drawn


@pytest.fixture
def write_idx():
    return _write_idx
