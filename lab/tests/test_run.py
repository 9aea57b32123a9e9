"""A run in its folder: what it writes, what it says, and what stops it."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_model
from torch import nn

from recurra import InvalidOption, MissingFile
from recurra.plugins import registry
from recurra_lab import Experiment, evaluate
from recurra_lab.artifacts.checkpoint import newest_intact
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.weights import save_weights
from recurra_lab.errors import NonFinite
from recurra_lab.reports import page
from recurra_lab.runs import callbacks
from recurra_lab.runs.provenance import versions_of
from recurra_lab.runs.record import record
from recurra_lab.runs.restore import restore
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted
from recurra_lab.runs.train import train


def test_it_writes_what_the_readme_promises(start):
    folder, run, said = start()
    result = run.start()
    outcome = result.outcome
    assert outcome.status == "budget used"
    assert (outcome.steps, outcome.sequences) == (6, 24)
    assert said == [f"run folder: {folder.path}"]
    assert json.loads(folder.outcome.read_text())["status"] == "budget used"
    assert json.loads(folder.scores.read_text()) == result.scores
    assert list(result.scores) == [f"length-{n}" for n in (10, 20, 30, 50, 120)]
    versions = json.loads(folder.versions.read_text())
    assert versions["torch"] == torch.__version__
    assert set(versions["engines"]) == {"recurra-engine"}
    assert set(versions["plugins"]) == {"recurra-algorithmic", "recurra-bptt", "recurra-lstm"}
    assert versions["task"] == {"copy": registry.load("task", "copy").version}
    assert folder.report.stat().st_size > 10_000
    assert folder.weights.stat().st_mode == folder.scores.stat().st_mode
    assert len(list(folder.checkpoints.glob("*.ckpt"))) == 2


def test_versions_name_the_plugins_of_every_layer():
    words = ['model.stack=["gru", {name="elman"}]']
    plugins = versions_of(Experiment.compose("copy", "ntm", file=None, overrides=words))["plugins"]
    assert {"recurra-gru", "recurra-elman", "recurra-ntm"} < set(plugins)


@pytest.mark.usefixtures("private_umask")
def test_every_file_is_whole_or_absent_and_as_private_as_the_user_wants(start, durably_written):
    folder, run, _ = start()
    run.start()
    files = {path for path in folder.path.rglob("*") if path.is_file()}
    assert files - durably_written <= {folder.metrics, folder.path / ".lock"}  # one grows, one is empty
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}


def test_the_page_and_the_result_need_no_file_that_was_just_written(start, monkeypatch):
    _, run, _ = start()
    read = []
    monkeypatch.setattr(page, "read_json", lambda path: read.append(path.name) or {})
    assert run.start().scores
    assert read == ["changes.json", "versions.json"]


def test_a_resumed_run_reads_its_checkpoint_once_and_goes_by_its_manifest(start, monkeypatch):
    # Two batches make one update, so that Lightning's count of steps is not that of the batches.
    folder, run, _ = start("run.accumulate=2", "run.max_steps=2", "run.checkpoint_every=1")
    run.start()
    older, newest = sorted(folder.checkpoints.glob("*.ckpt"))
    assert json.loads(older.with_suffix(".json").read_text())["step"] == 2
    newest.unlink()
    for path in (older.with_suffix(".json"), older):
        path.rename(path.with_stem("step-any"))
    reads = []
    monkeypatch.setattr(torch, "load", spy(reads, torch.load))
    assert Run(run.experiment, folder, print).resume().outcome.steps == 4
    assert len(reads) == 1
    assert [step for step, name, _ in read_metrics(folder.metrics) if name == "train/loss"] == [2, 4]


def spy(calls, function):
    def spying(*arguments, **options):
        calls.append(arguments)
        return function(*arguments, **options)

    return spying


def test_every_step_and_every_validation_is_logged(start):
    folder, run, _ = start()
    run.start()
    rows = read_metrics(folder.metrics)
    assert [step for step, name, _ in rows if name == "train/loss"] == [1, 2, 3, 4, 5, 6]
    assert [step for step, name, _ in rows if name == "validation/bits_per_sequence"] == [2, 4, 6]


def test_the_model_comes_back(start):
    folder, run, _ = start()
    run.start()
    _, _, model = restore(folder)
    for name, tensor in run.parts.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_weights_that_several_names_share_come_back(tmp_path):
    one, other = (nn.ModuleDict({name: nn.Linear(3, 2) for name in "abc"}) for _ in range(2))
    for model in (one, other):
        model["a"].weight = model["b"].weight
        model["c"].weight = nn.Parameter(torch.randn(3, 2).T)
    save_weights(one, tmp_path / "weights")
    load_model(other, tmp_path / "weights")
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


def test_it_stops_at_its_goal(start):
    _, run, _ = start("run.stop_below=1000.0", "run.stop_after=1")
    outcome = run.start().outcome
    assert (outcome.status, outcome.steps) == ("solved", 2)


def test_one_good_validation_may_be_luck(start):
    _, run, _ = start("run.stop_below=1000.0", "run.stop_after=2")
    outcome = run.start().outcome
    assert (outcome.status, outcome.steps) == ("solved", 4)


def test_it_stops_when_nothing_improves(start):
    _, run, _ = start("run.early_stop_patience=1", "trainer.optimizer.lr=1e-30", "run.max_steps=20")
    outcome = run.start().outcome
    assert (outcome.status, outcome.steps) == ("no improvement", 4)


def weights(start, *overrides):
    folder, run, _ = start(*overrides)
    run.start()
    return folder.weights.read_bytes()


@pytest.mark.parametrize(
    "override",
    [
        "run.validate_every=3",
        "run.validation_batches=2",
        "run.checkpoint_every=5",
        "run.workers=2",
        "run.suite_batches=2",
    ],
)
def test_what_is_not_training_changes_no_weight(start, override):
    assert weights(start, override) == weights(start)


def test_seeds_matter(start):
    assert weights(start, "seed=1") != weights(start)


def test_accumulated_batches_equal_one_large_batch(start):
    # The two halves of a global batch are drawn differently from two batches, so compare the count alone.
    _, run, _ = start("run.accumulate=2", "run.max_steps=3")
    outcome = run.start().outcome
    assert (outcome.steps, outcome.sequences) == (6, 24)


def test_a_rule_that_updates_by_itself_accumulates_nothing(start):
    told = r"run\.accumulate = 2: trainer 'bptt' with these options updates the weights itself"
    with pytest.raises(InvalidOption, match=told):
        start("run.accumulate=2", "trainer.k1=3")


def test_a_nan_stops_the_run_and_keeps_the_last_good_checkpoint(start, monkeypatch):
    folder, run, _ = start("run.evaluation_batch_size=2")
    sample = type(run.parts.task).sample
    drawn = []

    def spoilt(task, batch_size, rng):
        batch = sample(task, batch_size, rng)
        drawn.extend([batch] if batch_size == 4 else [])
        return batch._replace(x=batch.x * float("nan")) if len(drawn) == 4 else batch

    monkeypatch.setattr(type(run.parts.task), "sample", spoilt)
    with pytest.raises(NonFinite) as caught:
        run.start()
    good = newest_intact(folder.checkpoints, pytest.fail)
    assert "the loss became nan; the first non-finite tensor is the input x" in str(caught.value)
    command = f"recurra resume {folder.path} trainer.optimizer.lr=..."
    told = f"the last good checkpoint is {good.path}; go on from it with other options: {command}"
    assert str(caught.value).endswith(told)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("run.accelerator=gpu", "gpu"),
        ("run.strategy=foo", "invalid strategy name"),
    ],
)
def test_a_mistake_about_devices_is_one_sentence_and_leaves_no_folder(start, override, sentence):
    if "gpu" in override and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    folder, run, _ = start(override)
    with pytest.raises(InvalidOption, match=sentence):
        run.start()
    assert not folder.path.exists()


def test_batches_that_processes_cannot_share_are_refused_before_there_is_a_folder(tmp_path):
    message = "run.batch_size = 16 is not divisible by 9 processes; use 9"
    with pytest.raises(InvalidOption, match=message):
        train("copy", "gru", run={"devices": 9}, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_goal_needs_a_score_that_exists(start):
    with pytest.raises(InvalidOption, match="Copy has no score 'bit_error'; did you mean 'bit_errors'"):
        start("run.stop_score=bit_error")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"is not a run folder: it has no experiment\.toml"):
        RunFolder.open(tmp_path)


def test_a_run_that_has_not_ended_has_no_model(start):
    folder, run, _ = start()
    record(folder, run.experiment)
    with pytest.raises(MissingFile, match=r"recurra resume .* finishes it"):
        restore(folder)


def test_a_run_that_was_interrupted_in_its_last_validation_makes_up_for_it(start, monkeypatch):
    whole, run, _ = start()
    run.start()
    validations = []

    def interrupted(model, data, batches, *options):
        validations.append(batches)
        if len(validations) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(model, data, batches, *options)

    monkeypatch.setattr(callbacks, "evaluate", interrupted)
    folder, run, _ = start()
    with pytest.raises(Interrupted, match="interrupted after step 6"):
        run.start()
    before = len(validations)
    for _ in range(2):  # the second time there is nothing to make up for
        assert Run(run.experiment, folder, print).resume().outcome.status == "budget used"
        assert sorted(read_metrics(folder.metrics)) == sorted(read_metrics(whole.metrics))
    assert len(validations) == before + 1
