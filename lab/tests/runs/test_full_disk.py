"""A full disk ends a run with one sentence that names the file, and what was saved before stays."""

import os
from pathlib import Path

import pytest

from recurra_lab.errors import RunFailed
from recurra_lab.runs.run import Run

FILES = ["step-000000004.ckpt", "model.safetensors", "scores.json", "report.html"]


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_named_and_the_run_goes_on_later(start, monkeypatch, name):
    folder, run, _ = start("run.max_steps=4")
    replace = os.replace

    def full(source, target):
        if Path(target).name == name:
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        with pytest.raises(RunFailed, match=rf"{name} could not be written: No space left on device"):
            run.start()
    assert not list(folder.path.rglob("*.tmp"))
    assert Run(run.experiment, folder, print).resume().outcome.steps == 4
