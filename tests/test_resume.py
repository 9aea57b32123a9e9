"""A run that is killed at any instant, or asked to leave, resumes to the bit-identical result."""

import os
import random
import signal
import time

import pytest

from recurra_lab.artifacts.checkpoint import SUFFIX
from recurra_lab.artifacts.metrics_csv import read_metrics

OPTIONS = [
    "cell.hidden_size=8",
    "task.max_length=4",
    "trainer.schedule.name=cosine",
    "trainer.schedule.steps=60",
    "run.batch_size=4",
    "run.max_steps=60",
    "run.validate_every=10",
    "run.evaluation_batch_size=4",
    "run.validation_batches=2",
    "run.checkpoint_every=7",
    "run.suite_batches=1",
    "run.progress=false",
]


def result(folder):
    """Everything that must be equal to the bit."""
    rows = sorted(read_metrics(folder / "metrics.csv"))
    return (folder / "model.safetensors").read_bytes(), (folder / "scores.json").read_bytes(), rows


def only_run(root):
    runs = list(root.glob("copy/*/*/experiment.toml"))
    return runs[0].parent if runs else None


def train(root):
    return ["train", "copy", "lstm", *OPTIONS, "--out", root]


@pytest.fixture(scope="module")
def uninterrupted(forked, tmp_path_factory):
    root = tmp_path_factory.mktemp("uninterrupted")
    assert forked.finish(train(root)) == 0
    return result(only_run(root))


def continue_or_start(forked, root):
    folder = only_run(root)
    arguments = train(root) if folder is None else ["resume", folder]
    assert forked.finish(arguments) == 0


def wait_for_checkpoint(process, root, step=1):
    """Wait until a checkpoint of this step or a later one is there, or the process has ended."""
    while process.is_alive():
        saved = (int(path.stem.split("-")[1]) for path in root.glob(f"copy/*/*/checkpoints/*{SUFFIX}"))
        if max(saved, default=0) >= step:
            return
        time.sleep(0.002)


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_sigkill_at_random_instants(forked, uninterrupted, tmp_path, kills):
    draw = random.Random(20)
    died = 0
    for i in range(kills):
        root = tmp_path / str(i)
        process = forked.start(train(root))
        wait_for_checkpoint(process, root, draw.randrange(1, 50))
        process.join(draw.uniform(0, 0.05))
        process.kill()
        process.join()
        died += process.exitcode != 0
        continue_or_start(forked, root)
        assert result(only_run(root)) == uninterrupted, f"kill {i}"
    assert died >= kills // 4


@pytest.mark.slow
def test_sigkill_while_it_starts(forked, uninterrupted, tmp_path):
    draw = random.Random(21)
    for i in range(10):
        root = tmp_path / str(i)
        process = forked.start(train(root))
        process.join(draw.uniform(0, 1))
        process.kill()
        process.join()
        continue_or_start(forked, root)
        assert result(only_run(root)) == uninterrupted, f"kill {i}"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_leaves(forked, uninterrupted, tmp_path, signum, code):
    process = forked.start([*train(tmp_path), "run.max_steps=6000", "trainer.schedule.steps=6000"])
    wait_for_checkpoint(process, tmp_path)
    os.kill(process.pid, signum)
    process.join(60)
    assert process.exitcode == code
    folder = only_run(tmp_path)
    last = max(folder.glob(f"checkpoints/*{SUFFIX}"))
    rows = read_metrics(folder / "metrics.csv")
    # Saved where it stood, not at the last multiple of checkpoint_every: nothing that was learned is lost.
    assert int(last.stem.split("-")[1]) == max(step for step, _, _ in rows)


def test_a_run_interrupted_by_a_signal_resumes_to_the_same_bits(forked, uninterrupted, tmp_path):
    process = forked.start(train(tmp_path))
    wait_for_checkpoint(process, tmp_path)
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    continue_or_start(forked, tmp_path)
    assert result(only_run(tmp_path)) == uninterrupted


def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_is_used(forked, uninterrupted, tmp_path):
    assert forked.finish(train(tmp_path)) == 0
    folder = only_run(tmp_path)
    newest = max(folder.glob(f"checkpoints/*{SUFFIX}"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(bytes(content))
    assert forked.finish(["resume", folder]) == 0
    assert result(folder) == uninterrupted


def test_a_finished_run_resumes_to_itself(forked, uninterrupted, tmp_path):
    assert forked.finish(train(tmp_path)) == 0
    assert forked.finish(["resume", only_run(tmp_path)]) == 0
    assert result(only_run(tmp_path)) == uninterrupted


def test_an_edited_experiment_is_refused(forked, tmp_path):
    assert forked.finish(train(tmp_path)) == 0
    file = only_run(tmp_path) / "experiment.toml"
    file.write_text(file.read_text().replace("seed = 0", "seed = 1"))
    assert forked.finish(["resume", only_run(tmp_path)]) == 2
