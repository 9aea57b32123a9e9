"""Nothing that a run has computed is lost by a late error, and nothing of the user's is removed."""

import pytest

from recurra import InvalidOption
from recurra_lab.artifacts.checkpoint import manifest_of
from recurra_lab.errors import UnwritableFolder
from recurra_lab.runs import conclusion
from recurra_lab.runs.restore import restore
from recurra_lab.runs.run import Run


def refuse(*arguments, **options):
    raise InvalidOption("a late mistake")


@pytest.mark.parametrize("step", ["evaluate_suite", "write_report"])
def test_a_late_mistake_keeps_the_run_and_says_how_to_go_on(start, monkeypatch, step):
    folder, run, _ = start()
    with monkeypatch.context() as broken:
        broken.setattr(conclusion, step, refuse)
        with pytest.raises(InvalidOption) as caught:
            run.start()
    assert str(caught.value) == f"a late mistake; resume with: recurra resume {folder.path}"
    assert len(list(folder.checkpoints.glob("*.ckpt"))) == 2
    assert restore(folder)[2] is not None
    assert Run(run.experiment, folder, print).resume().outcome.steps == 6


def test_a_mistake_in_the_middle_keeps_the_checkpoints(start, monkeypatch):
    folder, run, _ = start()
    loss, seen = type(run.parts.task).loss, []

    def broken(task, y, batch):
        seen.append(batch)
        return loss(task, y, batch) if len(seen) < 6 else refuse()

    monkeypatch.setattr(type(run.parts.task), "loss", broken)
    with pytest.raises(InvalidOption):
        run.start()
    assert list(folder.checkpoints.glob("*.ckpt"))


def test_a_mistake_before_the_first_checkpoint_leaves_no_folder(start):
    folder, run, _ = start("run.strategy=unknown")
    with pytest.raises(InvalidOption):
        run.start()
    assert not folder.path.exists()


def test_copies_of_checkpoints_stay(start):
    folder, run, _ = start()
    run.start()
    newest = max(folder.checkpoints.glob("*.ckpt"))
    kept = {}
    for path in (newest, manifest_of(newest)):
        copy = path.with_stem("best")
        copy.write_bytes(path.read_bytes())
        kept[copy] = copy.read_bytes()
    other = folder.checkpoints / "aaa.ckpt"
    other.write_bytes(b"of another program")
    (folder.path / ".notes.tmp").write_text("mine")
    Run(run.experiment, folder, print).start()
    assert {path: path.read_bytes() for path in kept} == kept
    assert other.read_bytes() == b"of another program"
    assert (folder.path / ".notes.tmp").read_text() == "mine"


def test_a_linked_folder_of_checkpoints_is_refused(start, tmp_path):
    folder, run, _ = start()
    other = tmp_path / "other"
    other.mkdir()
    for step in (1, 2, 3):
        (other / f"step-{step:09d}.ckpt").write_bytes(b"of another run")
    before = sorted(other.iterdir())
    run.start()
    for path in folder.checkpoints.iterdir():
        path.unlink()
    folder.checkpoints.rmdir()
    folder.checkpoints.symlink_to(other)
    with pytest.raises(
        UnwritableFolder, match=r"is a link to .*other, but a run writes and removes files only"
    ):
        Run(run.experiment, folder, print).resume()
    assert sorted(other.iterdir()) == before
