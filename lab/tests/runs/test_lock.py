"""Only one process at a time trains in the folder of a run."""

import pytest
from filelock import FileLock

from recurra_lab.artifacts import run_folder
from recurra_lab.errors import RunFailed
from recurra_lab.runs.run import Run


def test_a_run_in_use_is_refused_and_left_alone(start, monkeypatch):
    folder, run, _ = start()
    run.start()
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    monkeypatch.setattr(run_folder, "WAIT_S", 0.01)
    again = Run(run.experiment, folder, print)
    with FileLock(folder.path / ".lock"):
        for enter in (again.resume, again.start):
            with pytest.raises(
                RunFailed, match="is in use: another process trains or resumes this run; wait"
            ):
                enter()
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    assert again.resume().outcome.steps == 6


def test_a_folder_that_cannot_be_written_is_one_sentence(start, monkeypatch):
    _, run, _ = start()

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", denied)
    with pytest.raises(RunFailed, match="could not be written: Permission denied"):
        run.start()
