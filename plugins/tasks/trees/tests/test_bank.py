"""Reading trees from text, files and the Hub, and what is said of those that are wrong."""

import gzip
import sys
from types import SimpleNamespace

import pytest
import torch

from recurra import DamagedFile, MissingFile
from recurra_trees import bank
from recurra_trees.bank import Tree, parsed
from recurra_trees.sst_task import SST

FILM = "(3 (2 a) (4 (4 lovely) (2 film)))"
DULL = "(1 (2 a) (0 (0 dull) (2 film)))"
PLAIN = "(2 (2 A) (2 film))"
WORD = "(4 lovely)"


def draw(task, split="train", k=0, batch_size=3, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def test_a_tree_is_read_in_post_order():
    assert parsed(FILM) == Tree(["a", "lovely", "film", "", ""], [0, 0, 0, 2, 2], [2, 4, 2, 4, 3])
    assert parsed("(1 (1(0 x)(1 y))  (2 z))") == Tree(
        ["x", "y", "", "z", ""], [0, 0, 2, 0, 2], [0, 1, 1, 2, 1]
    )
    assert parsed(WORD) == Tree(["lovely"], [0], [4])


def test_a_word_may_have_a_space_of_another_kind_in_it(folder_of):
    odd = "(2 (2 8\xa01\\/2) (2 wide\u2028\x85r))"
    folder = folder_of(dev=[odd])
    assert [tree.words for tree in bank.read_folder(folder)["validation"]] == [
        ["8\xa01\\/2", "wide\u2028\x85r", ""]
    ]


def test_compressed_files_are_read(folder):
    plain = SST(folder=folder)
    text = (folder / "train.txt").read_bytes()
    (folder / "train.txt").unlink()
    (folder / "train.txt.gz").write_bytes(gzip.compress(text))
    assert torch.equal(draw(SST(folder=folder)).x, draw(plain).x)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("(3 (2 a) (4 film)", "a bracket is not closed"),
        ("(3 (2 a) (4 film)))", r"'\)' comes after the end of the tree"),
        (f"{WORD} {WORD}", r"'\(' comes after the end of the tree"),
        ("a lovely film", "it begins with 'a' instead of a bracket"),
        ("(5 film)", "a node begins with '5' instead of a label from 0 to 4"),
        ("(film)", "a node begins with 'film' instead of a label"),
        ("(3", "a bracket is not closed"),
        ("(", "a node begins with '' instead of a label"),
        ("(3)", "an inner node has 0 children, and trees must be binary; binarise them first"),
        ("(3 (2 a))", "an inner node has 1 children, and trees must be binary"),
        ("(3 (2 a) (2 b) (2 c))", "an inner node has 3 children, and trees must be binary"),
        ("(3 lovely film)", "the word 'film' is not alone in its node"),
        ("(3 (2 a) film)", "the word 'film' is not alone in its node"),
        ("(3 film (2 a))", "the word 'film' is not alone in its node"),
    ],
)
def test_what_is_no_tree_is_refused_by_file_and_line(folder_of, line, told):
    folder = folder_of(dev=[PLAIN, "", line])
    path = folder / "dev.txt"
    with pytest.raises(
        DamagedFile, match=f"^{path}, line 3: no binary tree of words and labels: {told}"
    ) as said:
        SST(folder=folder)
    assert "correct the line, or take train.txt" in str(said.value)
    assert "\n" not in str(said.value)


def test_what_is_missing_is_said_with_the_remedy(folder):
    with pytest.raises(
        MissingFile, match=r"^the folder no/where does not exist; take train.txt.* name the folder"
    ):
        SST(folder="no/where")
    (folder / "dev.txt").unlink()
    with pytest.raises(MissingFile, match=f"^{folder} has neither dev.txt nor dev.txt.gz; take train.txt"):
        SST(folder=folder)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_split_is_refused(folder, content):
    (folder / "test.txt").write_bytes(content)
    with pytest.raises(DamagedFile, match=f"^{folder / 'test.txt'} holds no tree; take train.txt"):
        SST(folder=folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.txt.gz", b"no gzip"),
        ("train.txt.gz", gzip.compress(FILM.encode(), mtime=0)[:-6]),
        ("train.txt.gz", gzip.compress(FILM.encode(), mtime=0)[:10] + b"\xff\xff\xff\xff" * 8),
        ("train.txt", b"(2 caf\xe9)"),
    ],
)
def test_damaged_files_are_refused(folder, name, content):
    (folder / "train.txt").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(
        DamagedFile, match=f"^{folder / name} cannot be read as text .*; replace it: take"
    ) as said:
        SST(folder=folder)
    assert "\n" not in str(said.value)


def offered(monkeypatch, rows, column="ptb_tree"):
    """Let the Hub have these lines in each split, and remember what was asked for."""
    asked = []

    def load_dataset(kind, data_files):
        asked.append((kind, data_files))
        return {split: _Rows(column, rows) for split in data_files}

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return asked


class _Rows(dict):
    def __init__(self, column, rows):
        super().__init__({column: rows})
        self.column_names = [column]


def test_the_hub_is_asked_for_one_revision(monkeypatch):
    asked = offered(monkeypatch, [FILM, DULL])
    monkeypatch.setattr(bank, "PUBLISHED", dict.fromkeys(bank.FILES, (2, 10)))
    task = SST(hub=True, revision="0123abc")
    place = "hf://datasets/stanfordnlp/sst@0123abc/ptb/{}/0000.parquet"
    files = {split: place.format(split) for split in ("train", "validation", "test")}
    assert asked == [("parquet", files)]
    assert draw(task, "test", batch_size=2).target.tolist() == [[2, 4, 2, 4, 3], [2, 0, 2, 0, 1]]
    assert list(task.suite()) == ["test"]


def test_what_is_not_the_treebank_on_the_hub_is_refused(monkeypatch):
    offered(monkeypatch, [FILM, DULL])
    told = (
        r"^stanfordnlp/sst \(train\) has 2 sentences of 10 nodes, and the treebank has 8,544 of 318,582; name"
    )
    with pytest.raises(DamagedFile, match=told):
        SST(hub=True)
    offered(monkeypatch, [FILM], column="sentence")
    with pytest.raises(DamagedFile, match=r"\(train\) has no column 'ptb_tree', only sentence; name another"):
        SST(hub=True)


def test_without_a_network_the_hub_is_refused_with_the_remedy():
    with pytest.raises(
        MissingFile, match=r"cannot be loaded from the Hub .*name their folder in task.folder"
    ) as said:
        SST(hub=True)
    assert "\n" not in str(said.value)
