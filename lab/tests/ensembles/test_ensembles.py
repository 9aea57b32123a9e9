"""Runs over several seeds as one program: each is what it would be alone, also after an interruption."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from recurra import Task, sequence
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.ensembles import seeds as seeds_module
from recurra_lab.ensembles.module import EnsembleModule
from recurra_lab.ensembles.seeds import resume_seeds, runs_of_seeds, start_seeds
from recurra_lab.errors import RunFailed
from recurra_lab.runs.record import recorded_experiment
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted
from recurra_lab.training.module import LearningModule


@pytest.fixture(autouse=True)
def _native():
    with sequence.using("native"):
        yield


@pytest.fixture
def together(tmp_path, compose, monkeypatch):
    """Return what trains three seeds as one program: the folders, and what was said."""
    monkeypatch.setattr(seeds_module, "_one_by_one", lambda *_: pytest.fail("they were trained one by one"))

    def together(*overrides, **parts):
        said = []
        experiment = compose("run.seeds=3", "seed=5", *overrides, **parts)
        return start_seeds(experiment, tmp_path / "runs", said.append), said

    return together


def alone(folder, root):
    """Train the experiment of a run by itself."""
    experiment = recorded_experiment(folder)
    again = RunFolder.create(root, *experiment.folder_names)
    Run(experiment, again, lambda _: None).start()
    return again


def assert_close(folder, other):
    rows = [sorted(read_metrics(run.metrics)) for run in (folder, other)]
    assert [row[:2] for row in rows[0]] == [row[:2] for row in rows[1]]
    values = [torch.tensor([row[2] for row in each], dtype=torch.float64) for each in rows]
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)
    weights = [load_file(run.weights) for run in (folder, other)]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-6)
    outcomes = [json.loads(run.outcome.read_text()) for run in (folder, other)]
    for name in ("status", "steps", "sequences", "model_step"):
        assert outcomes[0][name] == outcomes[1][name]
    kept = [sorted(path.name for path in run.checkpoints.iterdir()) for run in (folder, other)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("task", "cell", "overrides"),
    [
        ("copy", "lstm", ["run.early_stop_patience=1", "run.max_steps=12", "trainer.optimizer.lr=0.05"]),
        pytest.param("dyck", "gru", ["trainer.optimizer=sgd"], marks=pytest.mark.slow),
        pytest.param("copy", "gru", ["trainer.optimizer=rmsprop"], marks=pytest.mark.slow),
        pytest.param("copy", "elman", ["trainer.clip_value=0.01", "run.workers=1"], marks=pytest.mark.slow),
    ],
)
def test_each_run_is_what_it_is_alone(together, tmp_path, task, cell, overrides):
    folders, _ = together(*overrides, task=task, cell=cell)
    assert runs_of_seeds(folders[0].path.parent) == folders
    for folder in folders:
        assert_close(folder, alone(folder, tmp_path / "alone"))


@pytest.mark.slow
def test_states_are_carried_over_where_batches_continue(together, monkeypatch, tmp_path):
    monkeypatch.setattr(Task, "continues_previous", lambda self, k, **_: k % 3 > 0)
    folders, _ = together("task.max_length=3")
    for folder in folders:
        assert_close(folder, alone(folder, tmp_path / "alone"))


def killed_at(monkeypatch, step):
    """Send a signal to this process in the batch after a step, once."""
    train, sent = EnsembleModule.training_step, []

    def training_step(self, drawn, batch_idx):
        if self.step == step and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGTERM))
        return train(self, drawn, batch_idx)

    monkeypatch.setattr(EnsembleModule, "training_step", training_step)


@pytest.mark.slow
def test_interrupted_runs_go_on_to_the_same_bits(together, monkeypatch, tmp_path):
    whole, _ = together()
    killed_at(monkeypatch, 3)
    with pytest.raises(Interrupted, match="interrupted after step 4; checkpoints of all unfinished") as error:
        together()
    group = next(path for path in whole[0].path.parents[1].iterdir() if path != whole[0].path.parent)
    assert str(error.value).endswith(f"resume with: recurra resume {group}")
    folders = runs_of_seeds(group)
    assert len(folders) == 3
    resume_seeds(folders, (), lambda _: None)
    for folder, uninterrupted in zip(folders, whole, strict=True):
        assert folder.weights.read_bytes() == uninterrupted.weights.read_bytes()
        assert sorted(read_metrics(folder.metrics)) == sorted(read_metrics(uninterrupted.metrics))
        assert folder.scores.read_bytes() == uninterrupted.scores.read_bytes()


@pytest.mark.slow
def test_one_of_them_can_go_on_alone(together, monkeypatch, tmp_path):
    killed_at(monkeypatch, 3)
    with pytest.raises(Interrupted):
        together()
    (group,) = (tmp_path / "runs").glob("*/*/*")
    folder = runs_of_seeds(group)[1]
    Run(recorded_experiment(folder), folder, lambda _: None).resume()
    assert_close(folder, alone(folder, tmp_path / "alone"))


def test_a_run_that_fails_does_not_disturb_the_others(together, monkeypatch, tmp_path):
    draw = LearningModule.task_loss

    def task_loss(self, y, batch):
        loss = draw(self, y, batch)
        counted = getattr(task_loss, "count", 0)
        task_loss.count = counted + 1
        return loss * float("nan") if counted == 3 * 3 + 1 else loss  # the second seed in its fourth batch

    with monkeypatch.context() as patched:
        patched.setattr(LearningModule, "task_loss", task_loss)
        with pytest.raises(RunFailed) as error:
            together()
    message = str(error.value)
    assert message.startswith("1 of 3 runs failed; seed 6: at step 4 the loss became nan;")
    assert "the last good checkpoint is" in message
    (group,) = (tmp_path / "runs").glob("*/*/*")
    folders = runs_of_seeds(group)
    assert [folder.is_finished for folder in folders] == [True, False, True]
    assert_close(folders[2], alone(folders[2], tmp_path / "alone"))


@pytest.mark.slow
def test_weights_that_become_infinite_end_one_run(together, monkeypatch, tmp_path):
    def break_one(self, *given):
        super(EnsembleModule, self).optimizer_step(*given)
        self._count("updates")
        if self.step == 3:
            self.stack.parameters[0].data[0] = float("inf")

    monkeypatch.setattr(EnsembleModule, "optimizer_step", break_one)
    with pytest.raises(RunFailed, match="seed 5: at step 3 a parameter became non-finite"):
        together()


def test_what_cannot_be_one_program_is_trained_one_after_another(tmp_path, compose):
    said = []
    experiment = compose("run.seeds=2", "run.max_steps=2", "trainer.k1=2")
    folders = start_seeds(experiment, tmp_path, said.append)
    assert "the runs are trained one after another: trainer.k1 is set" in said
    assert all(folder.is_finished for folder in folders)


def test_a_signal_during_the_evaluation_is_no_failure(together, monkeypatch):
    conclude = Run.conclude

    def interrupted(self, *given):
        os.kill(os.getpid(), signal.SIGTERM)
        return conclude(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "conclude", interrupted)
        with pytest.raises(Interrupted, match="interrupted during the evaluation") as error:
            together()
    assert error.value.exit_code == 128 + signal.SIGTERM


def test_a_data_loading_process_that_is_killed_is_one_sentence(together, monkeypatch):
    def killed(self, drawn, batch_idx):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    monkeypatch.setattr(EnsembleModule, "training_step", killed)
    with pytest.raises(RunFailed, match=r"a data-loading process ended .* go on with: recurra resume"):
        together()
