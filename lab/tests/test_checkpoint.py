"""Checkpoints are whole or absent, and nothing damaged is ever loaded."""

import hashlib
import json
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import DamagedFile, MissingFile
from recurra_lab.artifacts.atomic_files import durable, remove_leftovers
from recurra_lab.artifacts.checkpoint import (
    DurableCheckpoints,
    manifest_of,
    newest_intact,
    own_checkpoints,
    read_checkpoint,
)
from recurra_lab.errors import RunFailed


@pytest.fixture
def store():
    return DurableCheckpoints({"configuration": "abc"})


def content(step):
    return {
        "global_step": 10 * step,
        "state_dict": {"w": torch.arange(5.0) + step, "batches_seen": torch.tensor(step)},
        "loops": {"a": (1, [2, {"b": None}])},
    }


def save(store, folder, step):
    path = folder / f"step-{step:09d}.ckpt"
    store.save_checkpoint(content(step), path)
    return path


def test_what_was_saved_comes_back(store, tmp_path):
    loaded = store.load_checkpoint(save(store, tmp_path, 3))
    assert torch.equal(loaded["state_dict"]["w"], torch.arange(5.0) + 3)
    assert loaded["loops"] == {"a": (1, [2, {"b": None}])}


def test_a_checkpoint_that_is_at_hand_is_not_read_again(store, tmp_path):
    path = save(store, tmp_path, 3)
    store.offer(read_checkpoint(path))
    path.write_bytes(b"damaged")
    assert torch.equal(store.load_checkpoint(path)["state_dict"]["w"], torch.arange(5.0) + 3)
    with pytest.raises(DamagedFile):
        store.load_checkpoint(path)


def test_the_manifest_says_what_the_checkpoint_is(store, tmp_path):
    manifest = json.loads(manifest_of(save(store, tmp_path, 3)).read_text())
    assert manifest["step"] == 3
    assert manifest["configuration"] == "abc"
    assert manifest["bytes"] == (tmp_path / "step-000000003.ckpt").stat().st_size


@settings(max_examples=30)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    path = save(DurableCheckpoints({}), folder, 1)
    damaged = bytearray(path.read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(damaged))
    with pytest.raises(DamagedFile, match=r"step-000000001\.ckpt is damaged"):
        read_checkpoint(path)


def test_the_newest_intact_one_is_found_and_the_skipped_are_named(store, tmp_path):
    good = save(store, tmp_path, 1)
    save(store, tmp_path, 2).write_bytes(b"truncated")
    manifest_of(save(store, tmp_path, 3)).unlink()
    manifest_of(save(store, tmp_path, 4)).write_text("{")
    told = []
    found = newest_intact(tmp_path, told.append)
    assert (found.path, found.step) == (good, 1)
    assert len(told) == 3
    assert "step-000000004" in told[0]
    assert "step-000000003" in told[1]
    assert "step-000000002.ckpt is damaged" in told[2]


def test_no_checkpoint_at_all(tmp_path):
    assert newest_intact(tmp_path, pytest.fail) is None
    with pytest.raises(MissingFile):
        read_checkpoint(tmp_path / "step-000000001.ckpt")


def test_code_is_never_loaded(store, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    path = tmp_path / "step-000000001.ckpt"
    store.save_checkpoint({"state_dict": {"batches_seen": 1}, "callbacks": {"evil": Evil()}}, path)
    with pytest.raises(DamagedFile, match=r"cannot be loaded: Weights only load failed"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_no_checkpoint_is_refused_although_its_checksum_is_right(tmp_path, content):
    path = tmp_path / "step-000000001.ckpt"
    path.write_bytes(content)
    manifest = {"step": 1, "sha256": hashlib.sha256(content).hexdigest()}
    manifest_of(path).write_text(json.dumps(manifest))
    with pytest.raises(DamagedFile, match=r"checkpoint .*step-000000001\.ckpt cannot be loaded"):
        read_checkpoint(path)
    torch.save([1], path)
    manifest_of(path).write_text(
        json.dumps({"step": 1, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    )
    with pytest.raises(DamagedFile, match="is not the checkpoint of a run"):
        read_checkpoint(path)


def test_a_full_disk_leaves_the_earlier_checkpoint(store, tmp_path, monkeypatch):
    good = save(store, tmp_path, 1)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunFailed, match="could not be written: No space left on device"):
        save(store, tmp_path, 2)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        good.with_suffix(".ckpt").name,
        good.stem + ".json",
    ]
    assert newest_intact(tmp_path, pytest.fail).path == good


def test_leftovers_of_a_killed_process_are_removed(store, tmp_path):
    good = save(store, tmp_path, 1)
    (tmp_path / ".step-000000002.ckpt.0123456789abcdef.tmp").write_bytes(b"half")
    (tmp_path / ".mine.tmp").write_bytes(b"of the user")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {good.name, manifest_of(good).name, ".mine.tmp"}


def test_files_of_the_user_are_not_the_checkpoints_of_the_run(store, tmp_path):
    own = [save(store, tmp_path, step) for step in (9, 10, 10**9)]
    for suffix in (".ckpt", ".json"):
        copy = tmp_path / f"best{suffix}"
        copy.write_bytes(own[0].with_suffix(suffix).read_bytes())
    (tmp_path / "step-000000003.ckpt").write_bytes(b"without a manifest")
    assert own_checkpoints(tmp_path) == own


@pytest.mark.parametrize("manifest", ["[]", "null", '"text"', "{}", '{"step": "2"}'])
def test_a_forged_manifest_is_skipped_by_name(store, tmp_path, manifest):
    good = save(store, tmp_path, 1)
    manifest_of(save(store, tmp_path, 2)).write_text(manifest)
    told = []
    assert newest_intact(tmp_path, told.append).path == good
    assert told == [
        f"skipped: {tmp_path / 'step-000000002.json'} is damaged: it does not state the step of a checkpoint"
    ]


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_durable_file_is_as_private_as_any_other(tmp_path):
    with durable(tmp_path / "durable") as file:
        file.write(b"")
    (tmp_path / "plain").touch()
    assert (tmp_path / "durable").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["durable", "plain"]
