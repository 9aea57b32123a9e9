"""Two processes share the candidates out and find what one finds."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

OPTIONS = [
    "trainer=evolution",
    "trainer.population=9",
    "cell.hidden_size=4",
    "run.batch_size=4",
    "run.max_steps=6",
    "run.validate_every=3",
    "run.evaluation_batch_size=4",
    "run.validation_batches=2",
    "run.progress=false",
]


def weights(root, devices):
    command = [sys.executable, "-m", "recurra", "train", "copy", "elman", *OPTIONS]
    done = subprocess.run(
        [*command, "--out", str(root), "--devices", devices], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = root.glob("copy/*/*")
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    one, two = weights(tmp_path / "1", "1"), weights(tmp_path / "2", "2")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-5, atol=1e-6)
