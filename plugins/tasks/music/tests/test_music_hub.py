"""Piano rolls as Parquet: a folder, the Hub by name and commit, and what is wrong with either."""

import re
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra_music import hub
from recurra_music.piano_roll_task import PianoRoll

CARD = """---
configs:
- config_name: JSB_Chorales
  data_files:
  - {split: train, path: JSB_Chorales/train-*}
  - {split: validation, path: JSB_Chorales/validation-*}
  - {split: test, path: JSB_Chorales/test-*}
- config_name: Nottingham
  data_files:
  - {split: train, path: Nottingham/train-*}
---
"""


@pytest.fixture
def repository(tmp_path, parts, write_parquet):
    """A folder laid out like a data set on the Hub, with the card that says its configurations."""
    path = tmp_path / "hub"
    write_parquet(path / "JSB_Chorales", parts)
    write_parquet(path / "Nottingham", {"train": parts["test"]})
    (path / "README.md").write_text(CARD)
    return path


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    """Let `datasets` write to a folder of the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    hub.read_hub.cache_clear()


def same(one, other):
    return all(
        torch.equal(part, found)
        for split in one.pieces
        for part, found in zip(one.pieces[split], other.pieces[split], strict=True)
    )


def test_a_folder_of_parquet_files_holds_the_same_as_mat(repository, folder):
    assert same(PianoRoll(folder=folder), PianoRoll(folder=repository))


def test_pieces_may_lie_in_several_files(repository, folder, parts, write_parquet):
    for n, rows in enumerate((slice(2), slice(2, 5))):
        write_parquet(repository / "more", {"train": parts["train"][rows]})
        (repository / "more" / "train-00000-of-00001.parquet").rename(
            repository / "JSB_Chorales" / f"train-{n:05}-of-00002.parquet"
        )
    (repository / "JSB_Chorales" / "train-00000-of-00001.parquet").unlink()
    assert same(PianoRoll(folder=folder), PianoRoll(folder=repository))


def test_the_hub_is_read_by_load_dataset(repository, folder):
    task = PianoRoll(hub=str(repository), revision="main")
    assert same(PianoRoll(folder=folder), task)
    assert list(task.suite()) == ["test"]
    assert PianoRoll(hub=str(repository), revision="main").pieces is task.pieces


def test_the_hub_is_asked_for_one_commit(monkeypatch, parts, write_parquet, tmp_path):
    asked = []

    def load_dataset(*named, **how):
        asked.append((named, how))
        write_parquet(tmp_path, parts)
        files = {split: tmp_path / f"{split}-00000-of-00001.parquet" for split in parts}
        return {split: datasets.Dataset(pq.read_table(path)) for split, path in files.items()}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    task = PianoRoll(hub="someone/rolls", revision="0123abc", collection="MuseData")
    assert asked == [(("someone/rolls", "MuseData"), {"revision": "0123abc"})]
    assert task.count("train") == 5


def test_the_readme_shows_how_mat_files_come_to_the_hub(folder, monkeypatch):
    readme = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    found, published = {}, {}
    exec(re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[1], found)
    monkeypatch.setattr(
        datasets.Dataset, "push_to_hub", lambda rows, *named, split: published.update({split: (named, rows)})
    )
    found["publish"](str(folder), "JSB_Chorales", "someone/rolls")
    assert {named for named, _ in published.values()} == {("someone/rolls", "JSB_Chorales")}
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *named, **how: {s: rows for s, (_, rows) in published.items()}
    )
    assert same(PianoRoll(folder=folder), PianoRoll(hub="someone/rolls", revision="0123abc"))


def test_a_split_that_is_not_on_the_hub_is_told(repository):
    told = (
        r"^Nottingham of .* at revision 'main' has no split 'validation', only train; name another revision"
    )
    with pytest.raises(DamagedFile, match=told):
        PianoRoll(hub=str(repository), revision="main", collection="Nottingham")


def test_a_collection_that_is_not_on_the_hub_is_told(repository):
    told = (
        r"^MuseData of .* at revision 'main' cannot be loaded from the Hub \(.*'MuseData' not found.*\); with"
    )
    with pytest.raises(MissingFile, match=told) as said:
        PianoRoll(hub=str(repository), revision="main", collection="MuseData")
    assert "\n" not in str(said.value)


def test_without_a_network_the_hub_is_refused_with_the_remedy():
    told = r"^JSB_Chorales of someone/rolls at revision '0123' cannot be loaded from the Hub \(.*\); without"
    with pytest.raises(MissingFile, match=told) as said:
        PianoRoll(hub="someone/rolls", revision="0123")
    assert "name their folder in task.folder" in str(said.value)
    assert "\n" not in str(said.value)


def test_a_name_on_the_hub_needs_a_commit():
    told = r"^PianoRoll: hub = someone/rolls names a data set that may change; set task"
    with pytest.raises(InvalidOption, match=told):
        PianoRoll(hub="someone/rolls")


def test_two_sources_exclude_each_other(folder):
    with pytest.raises(InvalidOption, match=r"^PianoRoll: folder = .* and hub = x exclude each other; name"):
        PianoRoll(folder=folder, hub="x", revision="0123")


STEP = [60, 64]
WRONG = [
    ({"rolls": [[STEP, STEP]]}, "has no column 'notes'; a data set must have one piece per row"),
    ({"notes": [STEP, STEP]}, "has no lists of lists of numbers; a data set must have"),
    ({"notes": [[["C", "E"], ["G"]]]}, "has no lists of lists of numbers"),
    ({"notes": pa.array([], pa.list_(pa.list_(pa.int8())))}, "holds no piece; a data set must have"),
    ({"notes": [[STEP, STEP], None]}, "holds a missing value; a data set"),
    ({"notes": [[STEP, None]]}, "holds a missing value"),
    ({"notes": [[STEP, [60, None]]]}, "holds a missing value"),
    (
        {"notes": [[STEP, STEP], [STEP]]},
        "holds a piece of fewer than two steps, the one in row 2; a data set",
    ),
    ({"notes": [[STEP, [20]]]}, "holds the note 20; a data set must have .* 21 to 108"),
    ({"notes": [[STEP, [109]]]}, "holds the note 109; a data set"),
]


@pytest.mark.parametrize(("columns", "told"), WRONG)
def test_another_layout_is_refused_in_one_sentence(repository, columns, told):
    path = repository / "JSB_Chorales" / "test-00000-of-00001.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DamagedFile, match=f"^{path} {told}") as refused:
        PianoRoll(folder=repository)
    assert "\n" not in str(refused.value)


def test_a_step_may_be_silent(repository):
    path = repository / "JSB_Chorales" / "test-00000-of-00001.parquet"
    pq.write_table(pa.table({"notes": pa.array([[[], [21, 108], []]], pa.list_(pa.list_(pa.int8())))}), path)
    values = PianoRoll(folder=repository).pieces["test"].values
    assert values.nonzero().tolist() == [[1, 0], [1, 87]]
    assert len(values) == 3


def test_a_damaged_or_missing_parquet_file_is_refused(repository):
    path = repository / "JSB_Chorales" / "test-00000-of-00001.parquet"
    path.write_bytes(b"no Parquet")
    with pytest.raises(
        DamagedFile, match=f"^{path} cannot be read as Parquet .*; replace it: write it again"
    ):
        PianoRoll(folder=repository)
    path.unlink()
    with pytest.raises(MissingFile, match=rf"^{path.parent} has no test-\*.parquet; put one piece per row"):
        PianoRoll(folder=repository)
