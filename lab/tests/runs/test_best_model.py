"""With patience, the kept model is that of the best validation, also after an interruption."""

import json

import pytest

from recurra import InvalidOption
from recurra.task import Goal
from recurra_lab.artifacts.checkpoint import read_checkpoint
from recurra_lab.runs import callbacks
from recurra_lab.runs.build import goal_of
from recurra_lab.runs.restore import restore
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted

SCORE = "bits_per_sequence"
WORDS = ["run.early_stop_patience=3", "run.max_steps=20", "run.checkpoint_every=100"]


@pytest.fixture
def validated(monkeypatch):
    """Give validations these scores: the best is the second, at step 4."""
    values = {2: 5.0, 4: 3.0, 6: 4.0, 8: 6.0, 10: 3.0, 12: 1.0}
    judge = callbacks.Validation._judge
    monkeypatch.setattr(
        callbacks.Validation,
        "_judge",
        lambda self, value: judge(self, values[self.last]),
    )
    return values


def same(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    return all(ours[name].equal(theirs[name]) for name in ours)


def test_the_model_of_the_best_validation_is_kept_and_the_run_says_so(start, validated):
    folder, run, said = start(*WORDS)
    outcome = run.start().outcome
    assert (outcome.status, outcome.steps, outcome.model_step) == ("no improvement", 10, 4)
    assert said[-1] == "the model is that of step 4, which had the best validation"
    assert json.loads(folder.outcome.read_text())["model_step"] == 4
    assert "the model is that of update 4, the best validated" in folder.report.read_text()
    short, run, _ = start("run.max_steps=4")
    run.start()
    assert same(restore(folder)[2], restore(short)[2])
    assert {read_checkpoint(path).step for path in folder.checkpoints.glob("*.ckpt")} == {4, 10}


def test_a_resumed_run_keeps_it_too(start, validated, monkeypatch):
    whole, run, _ = start(*WORDS)
    run.start()
    folder, run, _ = start(*WORDS)
    stop = callbacks.Checkpoints.on_train_batch_start

    def interrupted(self, trainer, module, batch, index):
        self.leaving = int(module.batches_seen) == 7
        stop(self, trainer, module, batch, index)

    monkeypatch.setattr(callbacks.Checkpoints, "on_train_batch_start", interrupted)
    with pytest.raises(Interrupted):
        run.start()
    monkeypatch.setattr(callbacks.Checkpoints, "on_train_batch_start", stop)
    assert Run(run.experiment, folder, print).resume().outcome.model_step == 4
    assert folder.weights.read_bytes() == whole.weights.read_bytes()


def test_the_last_validation_may_be_the_best(start, validated):
    validated |= {6: 2.0, 8: 1.0, 10: 0.5}
    _, run, said = start(*WORDS, "run.max_steps=10")
    assert run.start().outcome.model_step == 10
    assert "best validation" not in " ".join(said)


def test_a_damaged_checkpoint_of_the_best_validation_is_told(start, validated, monkeypatch):
    folder, run, said = start(*WORDS)
    remove = callbacks.Checkpoints.on_train_end

    def damage(self, trainer, module):
        remove(self, trainer, module)
        (folder.checkpoints / "step-000000004.ckpt").write_bytes(b"damaged")

    monkeypatch.setattr(callbacks.Checkpoints, "on_train_end", damage)
    assert run.start().outcome.model_step == 10
    assert said[-1].startswith("warning: the model is that of step 10, not of the best validation: ")


def test_without_patience_the_last_model_is_kept(start, validated):
    _, run, _ = start("run.max_steps=6")
    assert run.start().outcome.model_step == 6


def goal(compose, *words, task="copy"):
    experiment = compose(*words, task=task)
    return goal_of(experiment, experiment.make_task())


def test_the_direction_of_a_score_is_stated_and_never_guessed(compose):
    assert goal(compose) == Goal(SCORE, below=0.1)
    assert goal(compose, f"run.stop_score={SCORE}") == Goal(SCORE, below=0.1)
    growing = goal(compose, "run.stop_score=bit_errors", "run.stop_above=2.0")
    assert growing.better(2, than=1)
    assert not growing.better(1, than=2)
    told = (
        r"run\.stop_score = bit_errors: it also needs run\.stop_below or run\.stop_above, which says whether"
    )
    with pytest.raises(InvalidOption, match=told):
        goal(compose, "run.stop_score=bit_errors")
