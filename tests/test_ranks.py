"""Two processes see one process's data and learn what it learns; a kill of either resumes exactly."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from recurra_lab.artifacts.metrics_csv import read_metrics

OPTIONS = [
    "cell.hidden_size=8",
    "task.max_length=4",
    "run.batch_size=8",
    "run.max_steps=20",
    "run.validate_every=10",
    "run.evaluation_batch_size=4",
    "run.validation_batches=2",
    "run.suite_batches=1",
    "run.progress=false",
]


FEW = [option for option in OPTIONS if option.startswith("run.")]
PLAIN = "plain"
RULES = {
    PLAIN: ["copy", "lstm", *OPTIONS],
    "windows": ["copy", "lstm", *OPTIONS, "trainer.k1=3"],
    "noise and average": ["copy", "lstm", *OPTIONS, "trainer.weight_noise=0.1", "trainer.averaging=ema"],
    "hebbian": ["copy", "lstm", *OPTIONS, "trainer=hebbian"],
    "rls": ["copy", "leaky-echo-state", *OPTIONS, "cell.density=1.0", "trainer=rls"],
    "force": [
        *("copy", "leaky-echo-state", *OPTIONS, "cell.density=1.0", "cell.feedback=8"),
        *("run.max_steps=6", "trainer=force"),
    ],
    "history-compression": [
        *("chunker-stream", "history-compressor", *FEW, "trainer=history-compression"),
        *("run.max_steps=6", "run.validate_every=3"),
    ],
    # Few updates: which tree is found is a matter of rounding where scores are close. No AdaGrad, whose first
    # steps are as large for a gradient that rounds to zero as for any other.
    "max-margin": [
        *("scenes", "recursive", *FEW, "task.form=graph", "cell.scoring=true", "trainer=max-margin"),
        *("run.max_steps=4", "run.validate_every=2", "trainer.optimizer=sgd"),
    ],
    "rtrl": ["copy", "elman", *OPTIONS, "run.max_steps=10", "trainer=rtrl"],
    "guessing": [
        *("copy", "lstm", *OPTIONS, "run.max_steps=6", "trainer=guessing"),
        *("trainer.guesses=101", "trainer.screens=[1,3]"),
    ],
    "evolution": ["copy", "elman", *OPTIONS, "run.max_steps=6", "trainer=evolution", "trainer.population=9"],
    "neat": [
        *("entm-copy", "evolving-ntm", *FEW, "run.max_steps=6", "task.bits=2", "cell.output_size=2"),
        *("model.readout=none", "trainer=evolution", "trainer.algorithm=neat", "trainer.population=9"),
    ],
    "rank one": ["copy", "elman", *OPTIONS, "run.max_steps=10", "trainer=rtrl", "trainer.gradient=uoro"],
}

KINDS = (PLAIN, "noise and average", "hebbian", "rtrl", "evolution")
"""One rule of each kind: by gradients, by changed weights, by activity, forward in time, by a population."""
OTHERS = tuple(name for name in RULES if name not in KINDS)


def train(root, launcher=("-m", "recurra")):
    """Train with two devices in processes that the launcher starts."""
    command = [sys.executable, *launcher, "train", *RULES[PLAIN], "--devices", "2", "--out", str(root)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said, _ = process.communicate(timeout=240)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, said
    return one_run(root)


def one_run(root):
    (run,) = root.glob("*/*/*")
    return run


def commands(rules, root, devices):
    """Return what trains with some rules, one after another."""
    return [["train", *RULES[name], "--devices", devices, "--out", root / name] for name in rules]


def trained_by_one(rules, forked, root):
    assert forked.finish(*commands(rules, root, 1)) == 0
    return {name: one_run(root / name) for name in rules}


def trained_by_two(rules, forked, root):
    assert forked.ranks(2, *commands(rules, root, 2)) == [0, 0]
    return {name: one_run(root / name) for name in rules}


@pytest.fixture(scope="module")
def by_one(forked, tmp_path_factory):
    return trained_by_one(KINDS, forked, tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    return train(tmp_path_factory.mktemp("together"))


def losses(folder):
    return {(step, name): value for step, name, value in read_metrics(folder / "metrics.csv")}


def test_the_loss_curve_is_the_same(by_one, together):
    one, two = losses(by_one[PLAIN]), losses(together)
    assert one.keys() == two.keys()
    assert len([key for key in one if key[1] == "train/loss"]) == 20
    for key, value in one.items():
        assert two[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key


def test_the_weights_are_the_same(by_one, together):
    one, two = (load_file(folder / "model.safetensors") for folder in (by_one[PLAIN], together))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def by_two(forked, tmp_path_factory):
    return trained_by_two(KINDS, forked, tmp_path_factory.mktemp("two"))


def assert_learned_the_same(one, two):
    curves = losses(one), losses(two)
    assert curves[0].keys() == curves[1].keys()
    assert all(curves[1][key] == pytest.approx(value, rel=1e-5, abs=1e-6) for key, value in curves[0].items())
    weights = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", KINDS)
def test_a_rule_of_each_kind_learns_the_same(rule, by_one, by_two):
    assert_learned_the_same(by_one[rule], by_two[rule])


@pytest.fixture(scope="module")
def others(forked, tmp_path_factory):
    made = tmp_path_factory.mktemp("others")
    return trained_by_one(OTHERS, forked, made / "one"), trained_by_two(OTHERS, forked, made / "two")


@pytest.mark.slow
@pytest.mark.parametrize("rule", OTHERS)
def test_every_other_rule_learns_the_same(rule, others):
    one, two = others
    assert_learned_the_same(one[rule], two[rule])


@pytest.mark.slow
def test_torchrun_needs_no_change(by_one, tmp_path):
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29653", "-m", "recurra")
    folder = train(tmp_path, launcher)
    one, two = losses(by_one[PLAIN]), losses(folder)
    assert all(two[key] == pytest.approx(value, rel=1e-5, abs=1e-6) for key, value in one.items())
