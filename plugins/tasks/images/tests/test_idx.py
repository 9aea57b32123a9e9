"""Reading IDX files by their names, and what is said of those that are wrong."""

import gzip
import os

import pytest
import torch

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra_images.mnist_task import MNIST

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def pack(path):
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def same(one, other):
    return all(
        torch.equal(part, found)
        for split in one.images
        for part, found in zip(one.images[split], other.images[split], strict=True)
    )


def test_files_may_be_packed_and_have_a_dot_in_their_names(folder):
    plain = MNIST(folder=folder)
    pack(folder / IMAGES)
    pack(folder / "t10k-labels-idx1-ubyte")
    assert same(plain, MNIST(folder=folder))
    (folder / "t10k-images-idx3-ubyte").rename(folder / "t10k-images.idx3-ubyte")
    (folder / "t10k-labels-idx1-ubyte.gz").rename(folder / "t10k-labels.idx1-ubyte.gz")
    assert same(plain, MNIST(folder=folder))


def test_a_part_of_the_training_images_goes_with_the_labels_of_its_name(folder_of):
    folder = folder_of(name="train-26")
    assert sorted(path.name for path in folder.iterdir())[2:] == [
        "train-26-images-idx3-ubyte",
        "train-26-labels-idx1-ubyte",
    ]
    assert MNIST(folder=folder).count("train") == 24


def test_several_files_for_one_part_are_refused(folder_of):
    folder_of()
    folder = folder_of(name="train-26")
    told = "has several files of training images: train-26-images-idx3-ubyte, train-images-idx3-ubyte; leave"
    with pytest.raises(InvalidOption, match=told):
        MNIST(folder=folder)


def test_a_file_that_is_there_packed_too_is_one_file(folder):
    plain = MNIST(folder=folder)
    (folder / f"{IMAGES}.gz").write_bytes(b"not looked at")
    assert same(plain, MNIST(folder=folder))


def test_instances_share_the_images_until_a_file_changes(folder):
    one, other = (MNIST(folder=folder, form=form).images["train"].pixels for form in ("pixels", "rows"))
    assert one.data_ptr() == other.data_ptr()
    path = folder / IMAGES
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    os.utime(path, ns=(1, 1))
    assert MNIST(folder=folder).images["train"].pixels.data_ptr() != one.data_ptr()


def replaced(name, change):
    def damage(folder, write):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(change(data))

    return damage


def written(name, *shape):
    return lambda folder, write: write(folder / name, torch.zeros(shape, dtype=torch.long))


DAMAGE = [
    (replaced(IMAGES, lambda data: b""), "images: it begins with '' instead of '00 00 08 03'; replace"),
    (replaced(IMAGES, lambda data: b"P5 28"), "it begins with '50 35 20 32' instead of '00 00 08 03'"),
    (replaced(LABELS, lambda data: b"\0\0\x09\x01" + data[4:]), "labels: it begins with '00 00 09 01'"),
    (replaced(IMAGES, lambda data: data[:-1]), "holds 20,399 bytes, and by its header it must hold 20,400"),
    (replaced(IMAGES, lambda data: data + b"\0"), "holds 20,401 bytes, and by its head"),
    (replaced(IMAGES, lambda data: data[:9]), "holds 9 bytes, and by its header it must hold"),
    (replaced(LABELS, lambda data: data[:8] + b"\x0a" + data[9:]), "has the label 10 for image 1, and lab"),
    (written(IMAGES, 26, 32, 32), "has images of 32 x 32 pixels; they must be 28 x 28; take train"),
    (written(LABELS, 25), "has 26 images and train-labels-idx1-ubyte 25 labels; replace them: take"),
    (written("t10k-labels-idx1-ubyte", 0), "has 8 images and t10k-labels-idx1-ubyte 0 labels"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE)
def test_a_damaged_file_is_refused_in_one_sentence(folder, write_idx, damage, told):
    damage(folder, write_idx)
    with pytest.raises(DamagedFile, match=told) as refused:
        MNIST(folder=folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"something" * 99, mtime=0)[:-9]])
def test_what_cannot_be_unpacked_is_refused(folder, content):
    (folder / IMAGES).unlink()
    (folder / f"{IMAGES}.gz").write_bytes(content)
    with pytest.raises(DamagedFile, match=rf"{IMAGES}.gz cannot be read as IDX \(.*\); replace it: take"):
        MNIST(folder=folder)


@pytest.mark.parametrize(("training", "test"), [(0, 8), (1, 8), (26, 0)])
def test_an_empty_split_is_refused(folder_of, drawn, training, test):
    folder = folder_of(training=drawn(training, 1), test=drawn(test, 2))
    told = f"^{folder} holds {training} images for training and {test} for test; it must have at least two"
    with pytest.raises(DamagedFile, match=told):
        MNIST(folder=folder)


def test_what_is_missing_is_said_with_the_remedy(folder):
    with pytest.raises(MissingFile, match=r"^the folder no/where does not exist; take train-images-idx3-u"):
        MNIST(folder="no/where")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    told = f"^{folder} has neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz; take train-images"
    with pytest.raises(MissingFile, match=told):
        MNIST(folder=folder)
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(MissingFile, match=r"has no t10k-images-idx3-ubyte, compressed or not, for the test"):
        MNIST(folder=folder)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(MissingFile, match=f"^{folder} has neither IDX files nor train-\\*.parquet of MNIST"):
        MNIST(folder=folder)
