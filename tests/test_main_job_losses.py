"""The main job's loss curve is what it was: a change of structure must not change a result."""

import json
import runpy
from pathlib import Path

import pytest

WRITER = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "regenerate_main_job_losses.py"))


def test_the_losses_of_the_first_updates_are_unchanged(tmp_path, monkeypatch):
    monkeypatch.setenv("RECURRA_ENGINE", "loop")
    losses = WRITER["losses"](str(tmp_path / "run"))
    # Not to the bit: processors differ in the order in which they add.
    assert losses == pytest.approx(json.loads(WRITER["GOLDEN"].read_text()), rel=1e-5)
