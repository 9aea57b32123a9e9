"""The main job: a Neural Turing Machine learns to copy, from the shell, with the shipped defaults."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_to_copy(tmp_path, seed):
    command = [sys.executable, "-m", "recurra", "train", "copy", "ntm", f"seed={seed}"]
    subprocess.run([*command, "--out", str(tmp_path)], check=True)
    (folder,) = tmp_path.glob("copy/ntm-bptt/*")
    outcome = json.loads((folder / "outcome.json").read_text())
    scores = json.loads((folder / "scores.json").read_text())
    assert outcome["status"] == "solved"
    assert outcome["steps"] <= 2500
    assert scores["length-20"]["bit_errors"] == 0
    assert scores["length-30"]["bit_errors"] == 0
