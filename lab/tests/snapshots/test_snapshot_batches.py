"""What is read back of a snapshot is what was drawn, and other programs read it too."""

import json
import subprocess
import sys

import pytest
import torch

from recurra.plugins.registry import load as component
from recurra_contract import ToyTask
from recurra_lab import SnapshotTask, load_snapshot, write_snapshot
from recurra_lab.snapshots.folder import SPLITS

from .snapshot_parts import FEW, Marked, Words, same


@pytest.mark.parametrize(
    "task",
    [ToyTask(size=2, length=7), Marked(kinds=4), Words(kinds=4), component("task", "copy")(max_length=4)],
    ids=["vectors", "tokens", "trees of tokens", "copy"],
)
def test_batches_are_exactly_those_of_the_task(task, tmp_path, request):
    if type(task).__name__ != "Copy":
        request.getfixturevalue("offered")
    back = load_snapshot(
        write_snapshot(task, tmp_path / "new" / "folder", batches=FEW, batch_size=5, seed=11)
    )
    for split in SPLITS:
        for k in range(FEW[split]):
            drawn = task.batch(k, batch_size=5, seed=11, split=split)
            assert same(back.batch(k, batch_size=5, seed=0, split=split), drawn), (split, k)
    for name in ("input_size", "output_size", "input_kind", "goal", "version", "stream"):
        assert getattr(back, name) == getattr(task, name)
    assert back.baselines() == task.baselines()


def test_trees_of_tokens_are_whole_numbers_in_the_files(tmp_path, offered):
    task = Words()
    back = load_snapshot(write_snapshot(task, tmp_path / "words", batches=FEW, batch_size=4))
    drawn = task.batch(0, batch_size=4, seed=0, split="train")
    kept = back.batch(0, batch_size=4, seed=0, split="train")
    assert (kept.x.dtype, kept.x.shape) == (torch.int64, (4, 8, 2))
    steps = int(drawn.lengths[0])
    assert back.dataset("train")[0]["x"][:steps] == drawn.x[0, :steps].tolist()


def test_loss_scores_and_predictions_are_the_tasks(snapshot):
    task, back = Marked(), load_snapshot(snapshot)
    batch = back.batch(0, batch_size=4, seed=0, split="train")
    y = torch.randn(4, 8, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(back.loss(y, batch), task.loss(y, batch))
    assert back.scores(y, batch) == task.scores(y, batch)
    assert torch.equal(back.predict(y), task.predict(y))
    assert list(back.suite()) == ["snapshot", "test"]
    assert back.suite()["snapshot"] is back


def test_a_stream_continues_as_it_was_written(snapshot, monkeypatch):
    back = load_snapshot(snapshot)
    asked = []

    def continues_previous(k, *, batch_size, seed, split):
        asked.append((k, batch_size, seed, split))
        return k > 0

    assert not back.continues_previous(1, batch_size=4, seed=0, split="train")
    monkeypatch.setattr(back.task, "continues_previous", continues_previous)
    found = [back.continues_previous(k, batch_size=4, seed=0, split="train") for k in range(8)]
    assert found == [k in range(1, 6) for k in range(8)]  # then the rows come in another order
    assert asked[5] == (5, 4, 3, "train")
    assert not back.continues_previous(1, batch_size=2, seed=0, split="train")


def test_rows_keep_their_order_in_batches_of_any_size(snapshot):
    back = load_snapshot(snapshot)
    whole = back.batch(0, batch_size=24, seed=0, split="train")
    threes = [back.batch(k, batch_size=3, seed=0, split="train") for k in range(8)]
    assert torch.equal(torch.cat([batch.lengths for batch in threes]), whole.lengths)
    assert torch.equal(torch.cat([batch.target for batch in threes]), whole.target)


def test_later_passes_hold_every_row_once_in_another_order(snapshot):
    back = load_snapshot(snapshot)
    passes = [back.batch(n, batch_size=24, seed=1, split="train") for n in range(3)]
    rows = [sorted(map(tuple, batch.x.tolist())) for batch in passes]
    assert rows[0] == rows[1] == rows[2]
    assert not torch.equal(passes[0].x, passes[1].x)
    assert not torch.equal(passes[1].x, passes[2].x)
    other = back.batch(1, batch_size=24, seed=2, split="train")
    assert not torch.equal(passes[1].x, other.x)
    # A batch across the end of a pass: the last 4 rows of the first, then the first 16 of the second.
    across = back.batch(1, batch_size=20, seed=1, split="train")
    assert torch.equal(across.x, torch.cat([passes[0].x[20:], passes[1].x[:16]]))


def test_rows_are_stored_without_their_padding(tmp_path, offered):
    task = ToyTask(size=2, length=9)
    rows = load_snapshot(write_snapshot(task, tmp_path / "toy", batches=FEW, batch_size=4)).dataset("train")
    assert rows.num_rows == 24
    lengths = torch.cat([task.batch(k, batch_size=4, seed=0, split="train").lengths for k in range(6)])
    assert rows["length"] == lengths.tolist()
    for name in ("x", "target", "mask"):
        assert [len(row) for row in rows[name]] == lengths.tolist()
    first = task.batch(0, batch_size=4, seed=0, split="train")
    assert rows[0]["x"] == first.x[0, : first.lengths[0]].tolist()


def test_other_programs_read_the_folder(snapshot, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    read = datasets.load_dataset(str(snapshot), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in read.items()} == {
        split: 4 * count for split, count in FEW.items()
    }
    assert read["test"][0] == load_snapshot(snapshot).dataset("test")[0]


def test_the_folder_says_what_it_holds(snapshot):
    about = json.loads((snapshot / "snapshot.json").read_text())
    told = {name: about[name] for name in ("task", "options", "version", "seed", "batch_size")}
    assert told == {
        "task": "recurra-made-up:marked",
        "options": {"kinds": 5},
        "version": 1,
        "seed": 3,
        "batch_size": 4,
    }
    assert about["fill"]["target"] == -100
    assert {split: part["sequences"] for split, part in about["splits"].items()} == {
        split: 4 * count for split, count in FEW.items()
    }
    assert SnapshotTask(folder=snapshot).options == {"folder": snapshot}


def test_the_same_task_gives_the_same_bytes(snapshot, tmp_path, durably_written):
    again = write_snapshot(Marked(), tmp_path / "again", batches=FEW, batch_size=4, seed=3)
    assert durably_written == set(again.iterdir())
    for path in snapshot.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_datasets_is_imported_when_it_is_needed_only():
    modules = "recurra_lab.snapshots.task, recurra_lab.cli.snapshot"
    code = f"import sys, {modules}; print({{'datasets', 'pyarrow'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
