"""Only running a run changes the process: building, restoring and judging leave all that is global alone."""

import os
import random
import signal

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from recurra_contract import Contract, Identity
from recurra_engine.explain import explained
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli import main
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build
from recurra_lab.runs.lr_finder import find_rates
from recurra_lab.runs.provenance import provenance
from recurra_lab.runs.restore import restore
from recurra_lab.runs.run import Run
from recurra_wrappers import RecurrentDropout

THREADS = 3
WORDS = [
    "cell.hidden_size=4",
    "model.recurrent_dropout.states=0.5",
    'model.recurrent_dropout.only=["h"]',
    "task.max_length=2",
    f"run.threads={THREADS}",
    "run.batch_size=4",
    "run.max_steps=2",
    "run.validate_every=2",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.evaluation_batch_size=4",
    "run.progress=false",
]


def composed(*words):
    return Experiment.compose("copy", "lstm", file=None, overrides=[*WORDS, *words])


def global_state():
    cudnn = torch.backends.cudnn
    return {
        "threads": torch.get_num_threads(),
        "generator": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state(legacy=False)),
        "random": random.getstate(),
        "deterministic": (torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark),
        "precision": (torch.get_float32_matmul_precision(), cudnn.allow_tf32, torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(),
        "environment": dict(os.environ),
        "signals": (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    experiment = composed()
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "copy", "lstm", "bptt")
    Run(experiment, folder, print).start()
    return folder


def shell(*words):
    said = CliRunner().invoke(main, list(map(str, words)))
    assert said.exit_code == 0, said.output


ACTIONS = {
    "build": lambda run: build(composed()),
    "a run that is not started": lambda run: Run(composed(), run, print),
    "restore": restore,
    "find_rates": lambda run: find_rates(composed(), 1e-4, 1e-2, 10),
    "evaluate": lambda run: shell("evaluate", run.path),
    "report": lambda run: shell("report", run.path),
    "export": lambda run: shell("export", run.path),
    "find-lr": lambda run: shell("find-lr", "copy", "lstm", *WORDS, "--batches", 10),
    "explain": lambda run: explained(RecurrentDropout(Identity(3), inputs=0.5)),
    "the contract of a cell": lambda run: list(Contract.of("cell", "elman").run()),
    "the contract of a memory": lambda run: list(Contract.of("memory", "ntm").run()),
}
SLOW = {"the contract of a memory"}
FAST_AND_SLOW = [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in ACTIONS]


@pytest.mark.parametrize("action", FAST_AND_SLOW)
def test_nothing_global_changes(action, run):
    torch.manual_seed(11)
    before = global_state()
    assert before["threads"] != THREADS
    ACTIONS[action](run)
    after = global_state()
    assert [name for name in before if after[name] != before[name]] == []


def test_a_run_has_its_own_threads_while_it_runs(tmp_path, monkeypatch):
    seen = []
    folder = RunFolder.create(tmp_path, "copy", "lstm", "bptt")
    monkeypatch.setattr(Run, "conclude", lambda self, *outcome: seen.append(torch.get_num_threads()))
    run = Run(composed(), folder, print)
    run.start()
    run.resume()
    assert seen == [THREADS, THREADS]
    assert run.store.identity["threads"] == THREADS


def test_a_run_without_a_number_of_threads_has_those_of_the_process():
    assert provenance(composed("run.threads=none"))["threads"] == torch.get_num_threads()


def test_the_weights_depend_on_the_seed_alone():
    def weights(seed):
        model = build(composed(f"seed={seed}")).model
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    torch.manual_seed(1)
    first = weights(5)
    torch.manual_seed(2)
    assert torch.equal(weights(5), first)
    assert not torch.equal(weights(6), first)
