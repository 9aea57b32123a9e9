"""Reading files and the Hub: what is read, and the one sentence that is said when it cannot be."""

import gzip
import os
import sys
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recurra.data.files import (
    cached_read,
    check_folder,
    content_of,
    first_of,
    from_hub,
    parquet,
    short_message,
)
from recurra.errors import DamagedFile, MissingFile

REMEDY = "take it from the shelf"


def test_an_error_is_told_in_one_line():
    assert short_message(ValueError("wrong.\nand more")) == "wrong"
    assert short_message(EOFError()) == "EOFError"


def test_the_first_file_of_several_is_found(tmp_path):
    with pytest.raises(MissingFile, match=f"^{tmp_path} has neither a nor b; take it from the shelf$"):
        first_of(tmp_path, ["a", "b"], REMEDY)
    with pytest.raises(MissingFile, match=f"^{tmp_path} has no a; take it from the shelf$"):
        first_of(tmp_path, ["a"], REMEDY)
    (tmp_path / "b").touch()
    assert first_of(tmp_path, ["a", "b"], REMEDY).name == "b"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    check_folder(tmp_path, REMEDY)
    with pytest.raises(MissingFile, match=r"x does not exist; take it from the shelf, and name the folder"):
        check_folder(tmp_path / "x", REMEDY)


def test_content_is_unpacked_by_its_name(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"words")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"packed"))
    assert content_of(tmp_path / "a.txt", "text", REMEDY) == b"words"
    assert content_of(tmp_path / "a.txt.gz", "text", REMEDY) == b"packed"


@pytest.mark.parametrize(
    "content",
    [b"words", gzip.compress(b"packed", mtime=0)[:-6], gzip.compress(b"packed", mtime=0)[:10] + b"\xff" * 40],
)
def test_what_cannot_be_unpacked_is_told(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(
        DamagedFile, match=rf"^{path} cannot be read as text \(.+\); replace it: take"
    ) as said:
        content_of(path, "text", REMEDY)
    assert "\n" not in str(said.value)


def test_parquet_is_read_or_told(tmp_path):
    path = tmp_path / "a=1" / "x.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"n": [1, 2]}), path)
    assert parquet(path, REMEDY).to_pydict() == {"n": [1, 2]}
    path.write_bytes(b"something else")
    with pytest.raises(DamagedFile, match=rf"^{path} cannot be read as Parquet \(.+\); replace it") as said:
        parquet(path, REMEDY)
    assert "\n" not in str(said.value)


def test_files_are_held_until_they_change(tmp_path):
    path, read = tmp_path / "a", []

    def reader(path):
        read.append(path)
        return path.read_text()

    path.write_text("one")
    assert cached_read(reader, path) is cached_read(reader, path)
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert cached_read(reader, path) == "two"
    assert len(read) == 2


def hub(monkeypatch, load_dataset):
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))


def test_the_hub_is_asked_as_it_is_said(monkeypatch):
    hub(monkeypatch, lambda *named, **how: (named, how))
    assert from_hub("x", REMEDY, "name", "part", revision="abc") == (("name", "part"), {"revision": "abc"})


def test_without_the_hub_the_reason_and_the_remedy_are_told(monkeypatch):
    def refused(*named, **how):
        raise RuntimeError("something went wrong") from ConnectionError("no route\nto host")

    hub(monkeypatch, refused)
    told = r"^x cannot be loaded from the Hub \(no route\); without a network, take it from the shelf$"
    with pytest.raises(MissingFile, match=told):
        from_hub("x", REMEDY, "name")
