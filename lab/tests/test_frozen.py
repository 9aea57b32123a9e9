"""Frozen tasks: what is read back is what was drawn, other programs read it too, and damage is named."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Annotated

import pytest
import torch
from click.testing import CliRunner
from pydantic import Field

from recurra import Batch, Goal, Score, Task
from recurra.errors import (
    DamagedFile,
    IncompatibleParts,
    InvalidOption,
    MissingFile,
    UnknownComponent,
    UnwritableFolder,
)
from recurra.plugins import discovery
from recurra.plugins.hooks import Component
from recurra.plugins.registry import load as component
from recurra_contract import ToyTask
from recurra_lab.cli.snapshot import freeze as command
from recurra_lab.snapshots.task import SPLITS, Frozen, freeze, load

FEW = {"train": 6, "validation": 2, "test": 3}


class Marked(Task):
    """Name the last token but one; the padding of the target is marked, that of x holds anything."""

    goal = Goal("wrong", below=0.1)
    gives = "tokens"

    def __init__(self, *, kinds: Annotated[int, Field(gt=1, description="kinds")] = 5):
        super().__init__(kinds, kinds)

    def sample(self, batch_size, rng):
        lengths = torch.randint(2, 6, (batch_size,), generator=rng)
        inside = torch.arange(8) < lengths[:, None]
        x = torch.randint(self.input_size, (batch_size, 8), generator=rng)
        target = torch.where(inside, x.roll(1, 1), -100)
        return Batch(x, target, inside & (torch.arange(8) > 0), lengths)

    def loss(self, y, batch):
        return torch.nn.functional.cross_entropy(y.flatten(0, 1), batch.target.flatten())

    def scores(self, y, batch):
        wrong = (y.argmax(-1) != batch.target)[batch.mask]
        return {"wrong": Score(float(wrong.sum()), wrong.numel())}

    def references(self):
        return {"constant": {"wrong": 1 - 1 / self.output_size}}


class Words(Marked):
    """The tokens of Marked as trees that branch to the left: a word, then a word and a merge, and so on."""

    gives = "token-trees"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        arity = torch.tensor([0, 0, 2, 0, 2, 0, 2, 0])
        return batch._replace(x=torch.stack([batch.x, arity.expand_as(batch.x)], -1))


@pytest.fixture
def offered(monkeypatch):
    """A world where one plugin offers the tasks of this file and the toy."""
    targets = {
        "marked": f"{__name__}:Marked",
        "words": f"{__name__}:Words",
        "toy": f"{ToyTask.__module__}:ToyTask",
    }
    source = SimpleNamespace(dist="recurra-made-up", version="1.0")
    parts = [(source, Component("task", name, target, "made up")) for name, target in targets.items()]
    world = SimpleNamespace(components=parts, defects=[], inventory=SimpleNamespace(sources=[]))
    monkeypatch.setattr(discovery, "plugins", lambda: world)
    return world


@pytest.fixture
def frozen(offered, tmp_path):
    return freeze(Marked(), tmp_path / "marked", batches=FEW, batch_size=4, seed=3)


def same(one, other):
    pairs = list(zip(one, other, strict=True))
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize(
    "task",
    [ToyTask(size=2, length=7), Marked(kinds=4), Words(kinds=4), component("task", "copy")(max_length=4)],
    ids=["vectors", "tokens", "trees of tokens", "copy"],
)
def test_batches_are_exactly_those_of_the_task(task, tmp_path, request):
    if type(task).__name__ != "Copy":
        request.getfixturevalue("offered")
    back = load(freeze(task, tmp_path / "new" / "folder", batches=FEW, batch_size=5, seed=11))
    for split in SPLITS:
        for k in range(FEW[split]):
            drawn = task.batch(k, batch_size=5, seed=11, split=split)
            assert same(back.batch(k, batch_size=5, seed=0, split=split), drawn), (split, k)
    assert (back.input_size, back.output_size, back.gives) == (task.input_size, task.output_size, task.gives)
    assert (back.goal, back.version, back.references()) == (task.goal, task.version, task.references())


def test_trees_of_tokens_are_whole_numbers_in_the_files(tmp_path, offered):
    task = Words()
    back = load(freeze(task, tmp_path / "words", batches=FEW, batch_size=4))
    drawn = task.batch(0, batch_size=4, seed=0, split="train")
    kept = back.batch(0, batch_size=4, seed=0, split="train")
    assert (kept.x.dtype, kept.x.shape) == (torch.int64, (4, 8, 2))
    steps = int(drawn.lengths[0])
    assert back.dataset("train")[0]["x"][:steps] == drawn.x[0, :steps].tolist()


def test_loss_scores_and_predictions_are_the_tasks(frozen):
    task, back = Marked(), load(frozen)
    batch = back.batch(0, batch_size=4, seed=0, split="train")
    y = torch.randn(4, 8, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(back.loss(y, batch), task.loss(y, batch))
    assert back.scores(y, batch) == task.scores(y, batch)
    assert torch.equal(back.predict(y), task.predict(y))
    assert list(back.suite()) == ["frozen", "test"]
    assert back.suite()["frozen"] is back


def test_a_stream_continues_as_it_was_frozen(frozen, monkeypatch):
    back = load(frozen)
    asked = []

    def continues(k, *, batch_size, seed, split):
        asked.append((k, batch_size, seed, split))
        return k > 0

    assert not back.continues(1, batch_size=4, seed=0, split="train")
    monkeypatch.setattr(back.task, "continues", continues)
    found = [back.continues(k, batch_size=4, seed=0, split="train") for k in range(8)]
    assert found == [k in range(1, 6) for k in range(8)]  # then the rows come in another order
    assert asked[5] == (5, 4, 3, "train")
    assert not back.continues(1, batch_size=2, seed=0, split="train")


def test_rows_keep_their_order_in_batches_of_any_size(frozen):
    back = load(frozen)
    whole = back.batch(0, batch_size=24, seed=0, split="train")
    threes = [back.batch(k, batch_size=3, seed=0, split="train") for k in range(8)]
    assert torch.equal(torch.cat([batch.lengths for batch in threes]), whole.lengths)
    assert torch.equal(torch.cat([batch.target for batch in threes]), whole.target)


def test_later_passes_hold_every_row_once_in_another_order(frozen):
    back = load(frozen)
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


def test_samples_are_rows_of_the_training_split(frozen):
    back = load(frozen)
    known = {tuple(row) for row in back.batch(0, batch_size=24, seed=0, split="train").x.tolist()}
    drawn = back.sample(200, torch.Generator().manual_seed(0)).x.tolist()
    assert {tuple(row) for row in drawn} == known


def test_rows_are_stored_without_their_padding(tmp_path, offered):
    task = ToyTask(size=2, length=9)
    rows = load(freeze(task, tmp_path / "toy", batches=FEW, batch_size=4)).dataset("train")
    assert rows.num_rows == 24
    lengths = torch.cat([task.batch(k, batch_size=4, seed=0, split="train").lengths for k in range(6)])
    assert rows["length"] == lengths.tolist()
    for name in ("x", "target", "mask"):
        assert [len(row) for row in rows[name]] == lengths.tolist()
    first = task.batch(0, batch_size=4, seed=0, split="train")
    assert rows[0]["x"] == first.x[0, : first.lengths[0]].tolist()


def test_other_programs_read_the_folder(frozen, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    read = datasets.load_dataset(str(frozen), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in read.items()} == {
        split: 4 * count for split, count in FEW.items()
    }
    assert read["test"][0] == load(frozen).dataset("test")[0]


def test_the_folder_says_what_it_holds(frozen):
    about = json.loads((frozen / "frozen.json").read_text())
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
    assert Frozen(folder=frozen).options == {"folder": frozen}


def test_the_same_task_gives_the_same_bytes(frozen, tmp_path):
    again = freeze(Marked(), tmp_path / "again", batches=FEW, batch_size=4, seed=3)
    for path in frozen.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_datasets_is_imported_when_it_is_needed_only():
    modules = "recurra_lab.snapshots.task, recurra_lab.cli.snapshot"
    code = f"import sys, {modules}; print({{'datasets', 'pyarrow'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def change(folder, **about):
    path = folder / "frozen.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **about}))


def replace_split(folder, change_table):
    """Put another table in the place of the test split, with its right checksum."""
    from recurra_lab.snapshots.folder import write_split
    from recurra_lab.snapshots.rows import read_table

    table = change_table(read_table(folder / "test.parquet"))
    splits = json.loads((folder / "frozen.json").read_text())["splits"]
    change(folder, splits={**splits, "test": write_split(folder, "test", table)})


def no_folder(folder):
    folder.rename(folder.with_name("elsewhere"))


def not_parquet(folder):
    (folder / "test.parquet").write_text("length,steps\n1,2\n")
    from recurra_lab.snapshots.folder import _checksum

    splits = json.loads((folder / "frozen.json").read_text())["splits"]
    change(folder, splits={**splits, "test": {"sha256": _checksum(folder / "test.parquet")}})


DAMAGES = [
    (no_folder, MissingFile, "does not exist; write it with: recurra freeze TASK --to"),
    (lambda f: (f / "frozen.json").unlink(), MissingFile, "it has no frozen.json; name another folder, or"),
    (lambda f: (f / "train.parquet").unlink(), MissingFile, r"train.parquet does not exist; freeze the task"),
    (lambda f: (f / "frozen.json").write_text("{"), DamagedFile, "it does not hold JSON"),
    (
        lambda f: (f / "frozen.json").write_text("[]"),
        DamagedFile,
        "has format null, and format 1 is expected",
    ),
    (lambda f: change(f, format=2), DamagedFile, "has format 2, and format 1 is expected; freeze the task"),
    (lambda f: change(f, options=None), DamagedFile, "does not say 'options'; freeze the task again"),
    (lambda f: change(f, fill={"x": 0, "mask": 0}), DamagedFile, "does not say 'fill.target'"),
    (lambda f: change(f, splits={"train": {}}), DamagedFile, "does not say 'splits.validation'"),
    (lambda f: change(f, input_size=9), DamagedFile, "frozen with input_size 9, and recurra-made-up:marked"),
    (lambda f: change(f, task="gone"), UnknownComponent, "there is no task 'gone'"),
    (lambda f: change(f, options={"kind": 3}), InvalidOption, "did you mean 'kinds'"),
    (lambda f: os.truncate(f / "test.parquet", 99), DamagedFile, "does not have the checksum of frozen.json"),
    (not_parquet, DamagedFile, r"is no Parquet file that can be read \(.*\); freeze the task again"),
    (lambda f: replace_split(f, lambda t: t.drop(["mask"])), DamagedFile, "lacks the column mask; freeze"),
    (lambda f: replace_split(f, lambda t: t[:0]), DamagedFile, "the split 'test' in .* is empty; freeze"),
]


@pytest.mark.parametrize(("damage", "error", "told"), DAMAGES)
def test_a_damaged_folder_is_named_with_the_remedy(frozen, damage, error, told):
    damage(frozen)
    with pytest.raises(error, match=told) as refused:
        load(frozen)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_frozen_is_refused(frozen, tmp_path):
    with pytest.raises(UnwritableFolder, match="has files in it already; name a folder that is new or empty"):
        freeze(Marked(), frozen)
    with pytest.raises(UnwritableFolder, match=r"cannot write to .*frozen.json/below: not a directory"):
        freeze(Marked(), frozen / "frozen.json" / "below")
    with pytest.raises(InvalidOption, match="the split 'test' would be empty: it needs at least 1 batch"):
        freeze(Marked(), tmp_path / "new", batches={"train": 1, "validation": 1})
    with pytest.raises(InvalidOption, match="batch_size must be at least 1, got 0"):
        freeze(Marked(), tmp_path / "new", batch_size=0)
    with pytest.raises(IncompatibleParts, match="Local cannot be frozen by name, since no installed plugin"):
        freeze(type("Local", (Marked,), {})(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


SIZES = ("--train", "3", "--validation", "1", "--test", "1", "--batch-size", "2", "--seed", "5")


def shell(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_the_command_freezes_a_task_with_options(offered, tmp_path):
    result = shell("marked", "task.kinds=7", "--to", tmp_path / "data", *SIZES)
    written = "6 sequences in train, 2 sequences in validation, 2 sequences in test"
    assert result.output == f"wrote {tmp_path / 'data'}: {written}\n", result.exception
    back, task = load(tmp_path / "data"), Marked(kinds=7)
    drawn = task.batch(2, batch_size=2, seed=5, split="train")
    assert same(back.batch(2, batch_size=2, seed=0, split="train"), drawn)


def test_a_mistake_on_the_command_line_is_one_sentence(offered, tmp_path):
    refused = shell("marked", "kinds=7", "--to", tmp_path / "data").exception
    assert isinstance(refused, InvalidOption)
    assert str(refused) == "kinds is no option of the task; write task.KEY=VALUE"
    assert "did you mean 'kinds'" in str(shell("marked", "task.kind=7", "--to", tmp_path / "d").exception)
    assert "did you mean 'marked'" in str(shell("market", "--to", tmp_path / "data").exception)
