"""Training in memory: the weights of a run, without its folder."""

import os
import pickle
import signal

import pytest
import torch
from pytorch_lightning.callbacks import Callback
from torch.testing import assert_close

from recurra_lab import Experiment, NonFinite, fit
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.runs import in_memory
from recurra_lab.runs.run import Run

RUN = {"batch_size": 4, "max_steps": 6, "validate_every": 2, "validation_batches": 1, "progress": False}
SIZES = {"suite_batches": 1, "evaluation_batch_size": 4}


def experiment(**run):
    options = {"task": {"max_length": 2}, "cell": {"hidden_size": 4}, "run": {**RUN, **SIZES, **run}}
    return Experiment.compose("copy", "lstm", options=options)


@pytest.mark.parametrize("patience", [None, 1])
def test_the_weights_are_those_of_a_run(patience, tmp_path, monkeypatch):
    monkeypatch.setattr("recurra_lab.runs.conclusion.write_report", lambda *parts: None)
    chosen = experiment(early_stop_patience=patience)
    run = Run(chosen, RunFolder.create(tmp_path, "copy", "lstm", "bptt"), lambda line: None)
    run.start()
    assert_close(fit(chosen).network.state_dict(), run.parts.model.state_dict(), rtol=0, atol=0)


def test_the_process_is_left_as_it_was(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    before, handler = torch.get_rng_state(), signal.getsignal(signal.SIGINT)
    trained = fit(experiment())
    assert not trained.training
    assert torch.equal(torch.get_rng_state(), before)
    assert signal.getsignal(signal.SIGINT) is handler
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_a_task_takes_the_place_of_that_of_the_experiment():
    task = experiment().make_task()
    assert fit(experiment(), task).task is task


def test_a_line_says_how_training_ended():
    lines = []
    fit(experiment(), tell=lines.append)
    assert lines == ["training ended after 6 updates"]


class Signals(Callback):
    """Sends a signal to the process after the second batch."""

    def __init__(self, number):
        self.number = number

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if batch_idx == 1:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_ends_training_as_it_ends_other_code(number, error, monkeypatch):
    handler = signal.getsignal(number)
    monkeypatch.setattr(in_memory, "progress", lambda budget, tell: Signals(number))
    with pytest.raises(error):
        fit(experiment(), tell=lambda line: None)
    assert signal.getsignal(number) is handler


def test_divergence_says_what_to_change():
    chosen = Experiment.compose(
        "copy", "lstm", options={**experiment().as_dict(), "trainer": {"optimizer": {"lr": 1e38}}}
    )
    with pytest.raises(NonFinite, match="train again with a smaller learning rate"):
        fit(chosen)


def test_a_trained_network_can_be_pickled():
    trained = fit(experiment())
    copied = pickle.loads(pickle.dumps(trained))
    assert copied.experiment == trained.experiment
    assert_close(copied.network.state_dict(), trained.network.state_dict(), rtol=0, atol=0)
