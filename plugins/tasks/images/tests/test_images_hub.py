"""MNIST as Parquet: the Hub by name and commit, a folder laid out like it, and what is wrong with either."""

import io

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra_images import hub
from recurra_images.mnist_task import MNIST

NUMBERS = {"train": 26, "test": 8}


def packed(image, mode="L"):
    file = io.BytesIO()
    Image.fromarray(image.byte().numpy()).convert(mode).save(file, "png")
    return {"bytes": file.getvalue(), "path": None}


def write(path, images, labels):
    """Write a Parquet file as `datasets` does, with the types of its columns in the schema."""
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[str(digit) for digit in range(10)])}
    )
    table = pa.table({"image": images, "label": labels}, schema=features.arrow_schema)
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path)


@pytest.fixture
def repository(tmp_path, drawn):
    """A folder laid out like ylecun/mnist, with a few images that are made here."""
    for part, (images, labels) in {"train": drawn(26, 1), "test": drawn(8, 2)}.items():
        path = tmp_path / "hub" / "mnist" / f"{part}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, [packed(image) for image in images], labels.tolist())
    return tmp_path / "hub"


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """Let `datasets` write to a folder of the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    hub.read_hub.cache_clear()


def same(one, other):
    return all(
        torch.equal(part, found)
        for split in one.images
        for part, found in zip(one.images[split], other.images[split], strict=True)
    )


def test_a_folder_laid_out_like_the_hub_holds_the_same_as_idx_files(repository, folder):
    assert same(MNIST(folder=folder), MNIST(folder=repository))
    assert same(MNIST(folder=folder), MNIST(folder=repository / "mnist"))


def test_images_may_lie_in_several_files(repository, drawn, folder):
    images, labels = drawn(26, 1)
    (repository / "mnist" / "train-00000-of-00001.parquet").unlink()
    for n, rows in enumerate((slice(10), slice(10, 26))):
        path = repository / "mnist" / f"train-{n:05}-of-00002.parquet"
        write(path, [packed(image) for image in images[rows]], labels[rows].tolist())
    assert same(MNIST(folder=folder), MNIST(folder=repository))


def test_the_hub_is_read_by_load_dataset(repository, folder, monkeypatch, no_cache):
    monkeypatch.setattr(hub, "NAME", str(repository))
    monkeypatch.setattr(hub, "NUMBERS", NUMBERS)
    task = MNIST(hub=True)
    assert same(MNIST(folder=folder), task)
    assert list(task.suite()) == ["test"]


def offered(monkeypatch, **parts):
    """Let the Hub have these tables, and remember what was asked for."""
    asked = []

    def load_dataset(*named, **how):
        asked.append((named, how))
        return {part: datasets.Dataset(table) for part, table in parts.items()}

    hub.read_hub.cache_clear()
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def table(drawn, number, seed=1):
    images, labels = drawn(number, seed)
    return pa.table({"image": [packed(image) for image in images], "label": labels.tolist()})


def test_the_hub_is_asked_for_one_commit(monkeypatch, drawn):
    monkeypatch.setattr(hub, "NUMBERS", NUMBERS)
    asked = offered(monkeypatch, train=table(drawn, 26), test=table(drawn, 8, 2))
    one, other = MNIST(hub=True), MNIST(hub=True, form="rows")
    assert asked == [(("ylecun/mnist",), {"revision": "77f3279092a1c1579b2250db8eafed0ad422088c"})]
    assert one.images is other.images
    MNIST(hub=True, revision="0123abc")
    assert asked[1] == (("ylecun/mnist",), {"revision": "0123abc"})


def test_what_is_not_mnist_on_the_hub_is_refused(monkeypatch, drawn):
    offered(monkeypatch, train=table(drawn, 26), test=table(drawn, 8))
    told = r"^ylecun/mnist \(train\) has 26 images, and MNIST has 60,000; name another revision$"
    with pytest.raises(DamagedFile, match=told):
        MNIST(hub=True)
    offered(monkeypatch, training=table(drawn, 2))
    with pytest.raises(DamagedFile, match=r"^ylecun/mnist has no part 'train', only training; name another"):
        MNIST(hub=True)
    offered(monkeypatch, train=table(drawn, 2).select(["image"]))
    with pytest.raises(DamagedFile, match=r"\(train\) has no column 'label', only image; name another"):
        MNIST(hub=True)


BAD = [
    ({"image": [{"bytes": b"no image", "path": None}]}, "image 1 of .* cannot be read as an image; take it"),
    ({"image": [None]}, "image 1 of .* cannot be read as an image"),
    (
        {"image": [packed(torch.zeros(32, 28))]},
        "image 1 of .* is 32 x 28 in uint8, and images must be 28 x 28",
    ),
    ({"image": [packed(torch.zeros(28, 28), "RGB")]}, "image 1 of .* is 28 x 28 x 3 in uint8, and images"),
    ({"label": [10]}, "has the label 10 for image 1, and labels must be from 0 to 9"),
    ({"label": [None]}, "has the label -1 for image 1, and labels"),
]


@pytest.mark.parametrize(("columns", "told"), BAD)
def test_what_are_no_images_of_digits_is_refused(repository, columns, told):
    good = {"image": [packed(torch.zeros(28, 28))], "label": [0]}
    path = repository / "mnist" / "test-00000-of-00001.parquet"
    write(path, **{f"{name}s": values for name, values in (good | columns).items()})
    with pytest.raises(DamagedFile, match=told) as refused:
        MNIST(folder=repository)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_damaged_or_missing_parquet_file_is_refused(repository):
    path = repository / "mnist" / "test-00000-of-00001.parquet"
    path.write_bytes(b"no Parquet")
    with pytest.raises(DamagedFile, match=f"^{path} cannot be read as Parquet .*; replace it: take it from"):
        MNIST(folder=repository)
    path.unlink()
    with pytest.raises(
        MissingFile, match=rf"^{repository} has no test-\*.parquet beside the others; take it"
    ):
        MNIST(folder=repository)


def test_two_sources_exclude_each_other(folder):
    with pytest.raises(
        InvalidOption, match=r"^MNIST: folder = .* and hub = true exclude each other; name one"
    ):
        MNIST(folder=folder, hub=True)
    with pytest.raises(
        InvalidOption, match=r"^MNIST: revision is empty; it must name a commit of ylecun/mnist"
    ):
        MNIST(hub=True, revision="")


def test_without_a_network_the_hub_is_refused_with_the_remedy():
    told = r"^ylecun/mnist at revision '0123' cannot be loaded from the Hub \(.*\); without a network, take"
    with pytest.raises(MissingFile, match=told) as said:
        MNIST(hub=True, revision="0123")
    assert "\n" not in str(said.value)
    assert "name their folder in task.folder" in str(said.value)
