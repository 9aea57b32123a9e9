"""Damage of a snapshot is named with its remedy; and the command `recurra snapshot`."""

import json
import os

import pytest
from click.testing import CliRunner

from recurra import DamagedFile, IncompatibleParts, InvalidOption, MissingFile
from recurra.errors import UnknownComponent
from recurra_lab import load_snapshot, write_snapshot
from recurra_lab.cli import main
from recurra_lab.cli.snapshot import snapshot as command
from recurra_lab.errors import UnwritableFolder

from .snapshot_parts import Marked, Room, same


def change(folder, **about):
    path = folder / "snapshot.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **about}))


def replace_split(folder, change_table):
    """Put another table in the place of the test split, with its right checksum."""
    from recurra_lab.snapshots.folder import write_split
    from recurra_lab.snapshots.rows import read_table

    table = change_table(read_table(folder / "test.parquet"))
    splits = json.loads((folder / "snapshot.json").read_text())["splits"]
    change(folder, splits={**splits, "test": write_split(folder, "test", table)})


def no_folder(folder):
    folder.rename(folder.with_name("elsewhere"))


def not_parquet(folder):
    (folder / "test.parquet").write_text("length,steps\n1,2\n")
    from recurra_lab.snapshots.folder import _checksum

    splits = json.loads((folder / "snapshot.json").read_text())["splits"]
    change(folder, splits={**splits, "test": {"sha256": _checksum(folder / "test.parquet")}})


DAMAGES = [
    (no_folder, MissingFile, "does not exist; create it with: recurra snapshot TASK --to"),
    (
        lambda f: (f / "snapshot.json").unlink(),
        MissingFile,
        "it has no snapshot.json; choose another",
    ),
    (lambda f: (f / "train.parquet").unlink(), MissingFile, r"train.parquet does not exist; write the snap"),
    (lambda f: (f / "snapshot.json").write_text("{"), DamagedFile, "it is not valid JSON"),
    (
        lambda f: (f / "snapshot.json").write_text("[]"),
        DamagedFile,
        "has format null, expected format 1",
    ),
    (lambda f: change(f, format=2), DamagedFile, "has format 2, expected format 1; write the snap"),
    (
        lambda f: change(f, options=None),
        DamagedFile,
        "'options' is missing or invalid; write the snapshot again",
    ),
    (lambda f: change(f, fill={"x": 0, "mask": 0}), DamagedFile, "'fill.target' is missing or invalid"),
    (lambda f: change(f, splits={"train": {}}), DamagedFile, "'splits.validation' is missing or invalid"),
    (lambda f: change(f, input_size=9), DamagedFile, "written with input_size 9, but recurra-made-up:marked"),
    (lambda f: change(f, task="gone"), UnknownComponent, "there is no task 'gone'"),
    (lambda f: change(f, options={"kind": 3}), InvalidOption, "did you mean 'kinds'"),
    (
        lambda f: os.truncate(f / "test.parquet", 99),
        DamagedFile,
        "its checksum does not match snapshot.json",
    ),
    (not_parquet, DamagedFile, r"is not a readable Parquet file \(.*\); write the snapshot again"),
    (lambda f: replace_split(f, lambda t: t.drop(["mask"])), DamagedFile, "lacks the column mask; write"),
    (lambda f: replace_split(f, lambda t: t[:0]), DamagedFile, "the split 'test' in .* is empty; write"),
]


@pytest.mark.parametrize(("damage", "error", "told"), DAMAGES)
def test_a_damaged_folder_is_named_with_the_remedy(snapshot, damage, error, told):
    damage(snapshot)
    with pytest.raises(error, match=told) as refused:
        load_snapshot(snapshot)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_written_is_refused(snapshot, tmp_path):
    with pytest.raises(UnwritableFolder, match="is not empty; choose a new or empty folder"):
        write_snapshot(Marked(), snapshot)
    with pytest.raises(UnwritableFolder, match=r"cannot write to .*snapshot.json/below: not a directory"):
        write_snapshot(Marked(), snapshot / "snapshot.json" / "below")
    with pytest.raises(InvalidOption, match="the split 'test' would be empty: it needs at least 1 batch"):
        write_snapshot(Marked(), tmp_path / "new", batches={"train": 1, "validation": 1})
    with pytest.raises(InvalidOption, match="batch_size must be at least 1, got 0"):
        write_snapshot(Marked(), tmp_path / "new", batch_size=0)
    with pytest.raises(
        IncompatibleParts, match="Local cannot be stored by name, because no installed plugin"
    ):
        write_snapshot(type("Local", (Marked,), {})(), tmp_path / "new")
    told = "Room is an environment and has no sequences to write; choose a task with targets"
    with pytest.raises(IncompatibleParts, match=told):
        write_snapshot(Room(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


SIZES = ("--train", "3", "--validation", "1", "--test", "1", "--batch-size", "2", "--seed", "5")


def shell(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_the_command_writes_a_task_with_options(offered, tmp_path):
    result = shell("marked", "task.kinds=7", "--to", tmp_path / "data", *SIZES)
    written = "6 sequences in train, 2 sequences in validation, 2 sequences in test"
    assert result.output == f"wrote {tmp_path / 'data'}: {written}\n", result.exception
    back, task = load_snapshot(tmp_path / "data"), Marked(kinds=7)
    drawn = task.batch(2, batch_size=2, seed=5, split="train")
    assert same(back.batch(2, batch_size=2, seed=0, split="train"), drawn)


def test_a_mistake_on_the_command_line_is_one_sentence(offered, tmp_path):
    refused = shell("marked", "kinds=7", "--to", tmp_path / "data").exception
    assert isinstance(refused, InvalidOption)
    assert str(refused) == "kinds is not an option of the task; write task.KEY=VALUE"
    assert "did you mean 'kinds'" in str(shell("marked", "task.kind=7", "--to", tmp_path / "d").exception)
    assert "did you mean 'marked'" in str(shell("market", "--to", tmp_path / "data").exception)


def test_the_former_name_of_the_command_tells_the_new_one():
    result = CliRunner().invoke(main, ["freeze", "marked"])
    assert result.exit_code == 2
    told = "there is no command 'freeze'; it is now called 'snapshot'"
    assert result.stderr == f"error: {told}; see 'main --help'\n"
