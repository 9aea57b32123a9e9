"""What has changed between the start of a run and its resumption is noticed, and told by name."""

import json
from types import SimpleNamespace

import pytest
import torch

from recurra import InvalidOption
from recurra_lab import Experiment
from recurra_lab.artifacts.checkpoint import newest_intact
from recurra_lab.artifacts.fingerprint import data_paths, fingerprint
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.errors import NonFinite
from recurra_lab.runs import renewal
from recurra_lab.runs.record import changed_data, record, recorded_experiment
from recurra_lab.runs.run import Run
from recurra_lab.runs.seed_runs import _begun, _hash

SERIES = ["task.window=8", "task.horizon=2", "run.max_steps=2", "run.validate_every=2"]


def values(count, factor=1.0):
    return "load\n" + "".join(f"{factor * ((i * 37) % 101):.1f}\n" for i in range(count))


@pytest.fixture
def series(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text(values(200))
    return path


@pytest.fixture
def trained(start, series):
    folder, run, said = start(*SERIES, f"task.file={series}", task="time-series")
    run.start()
    return folder, run, said


def test_data_that_changed_is_refused_by_name(trained, series):
    folder, run, _ = trained
    series.write_text(values(200, factor=10))
    again = Run(run.experiment, folder, print)
    with pytest.raises(InvalidOption, match=r"series\.csv has changed since the run was started; restore it"):
        again.resume()
    series.write_text(values(200))
    assert again.resume().outcome.steps == 2


def test_a_changed_folder_is_told_and_the_run_in_it_is_no_change(tmp_path, compose):
    folder = RunFolder.create(tmp_path / "data" / "runs", "language-model", "gru", "bptt")
    for split in ("train", "valid", "test"):
        (tmp_path / "data" / f"{split}.txt").write_text("to be or not to be\n" * 20)
    experiment = compose(f"task.folder={tmp_path / 'data'}", "task.window=4", task="language-model")
    record(folder, experiment)
    folder.metrics.write_text("step,metric,value\n")
    (tmp_path / "data" / ".hidden").write_text("")
    assert list(changed_data(folder, experiment)) == []
    (tmp_path / "data" / "train.txt").write_text("to be or not to bo\n" * 20)
    assert list(changed_data(folder, experiment)) == [tmp_path / "data"]


def test_fingerprints_of_files_and_folders(tmp_path):
    data, run = tmp_path / "data", tmp_path / "runs" / "one"
    data.mkdir()
    before = fingerprint(data, run)
    (data / "a").write_text("1")
    after = fingerprint(data, run)
    assert len({before, after, fingerprint(data / "a", run), fingerprint(data / "b", run)}) == 4
    assert fingerprint(data / "b", run) == "missing"
    assert fingerprint(data, run) == after


def test_every_path_among_the_options_is_data(compose, series):
    ref = compose(f"task.file={series}", task="time-series").task
    assert list(data_paths(ref, "task")) == [("task.file", series)]
    assert list(data_paths(compose().task, "task")) == []


def test_relative_paths_start_where_the_run_was_started(start, series, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder, run, _ = start(*SERIES, "task.file=series.csv", task="time-series")
    run.start()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    known = recorded_experiment(folder)
    assert known.task.options["file"] == series
    assert Run(known, folder, print).resume().outcome.steps == 2
    series.rename(elsewhere / "series.csv")
    assert recorded_experiment(folder).make_task()


def test_an_option_that_a_plugin_gains_is_told_and_not_taken_for_a_change(start, monkeypatch):
    folder, run, _ = start()
    run.start()
    written = Experiment.to_toml
    monkeypatch.setattr(Experiment, "to_toml", lambda self: written(self) + "[later]\noption = 3\n")
    said = []
    Run(run.experiment, folder, said.append).resume()
    assert said[0] == "warning: later.option is new since the run was started; its default is 3"


def test_after_a_nan_the_run_goes_on_from_the_last_good_checkpoint(start, monkeypatch):
    folder, run, _ = start("run.max_steps=8")
    loss, broken = type(run.parts.task).loss, []

    def spoilt(task, y, batch):
        at_five = int(run.parts.module.batches_seen) == 5
        return loss(task, y, batch) * (float("nan") if at_five and not broken else 1.0)

    monkeypatch.setattr(type(run.parts.task), "loss", spoilt)
    with pytest.raises(NonFinite, match=rf"recurra resume {folder.path} trainer\.optimizer\.lr=\.\.\."):
        run.start()
    broken.append(True)
    words = ["trainer.optimizer.lr=1e-5"]
    again = Run(recorded_experiment(folder, words), folder, print)
    assert again.resume(words).outcome.steps == 8
    content = newest_intact(folder.checkpoints, pytest.fail).content
    assert {group["lr"] for group in content["optimizer_states"][0]["param_groups"]} == {1e-5}
    assert Experiment.from_toml(folder.experiment).trainer.options["optimizer"].lr == 1e-5
    assert "After step 4, options were changed: trainer.optimizer.lr=1e-5." in folder.report.read_text()
    assert Run(recorded_experiment(folder), folder, print).resume().outcome.steps == 8
    # A run whose options were changed is not a run of the experiment in its folder.
    assert _begun(folder.path.parents[2], _hash(folder.experiment)) is None


def test_a_finished_run_is_trained_longer_to_the_same_bits(start):
    whole, run, _ = start("run.max_steps=8")
    run.start()
    folder, run, _ = start("run.max_steps=4")
    run.start()
    words = ["run.max_steps=8"]
    assert Run(recorded_experiment(folder, words), folder, print).resume(words).outcome.steps == 8
    assert sorted(read_metrics(folder.metrics)) == sorted(read_metrics(whole.metrics))
    assert folder.weights.read_bytes() == whole.weights.read_bytes()


def test_a_run_that_has_stopped_goes_on_with_another_criterion(start):
    folder, run, _ = start("run.stop_below=1000.0", "run.stop_after=1")
    assert run.start().outcome.steps == 2
    words = ["run.stop_after=3"]
    outcome = Run(recorded_experiment(folder, words), folder, print).resume(words).outcome
    assert (outcome.status, outcome.steps) == ("solved", 6)


def crashing(self, checkpoint):
    raise KeyboardInterrupt


def test_a_crash_right_after_the_change_loses_neither_run_nor_change(start, monkeypatch):
    folder, run, _ = start("run.max_steps=4")
    run.start()
    words = ["run.max_steps=6", "trainer.optimizer.lr=1e-5"]
    again = Run(recorded_experiment(folder, words), folder, print)
    with monkeypatch.context() as crash:
        crash.setattr(Run, "_fit", crashing)
        with pytest.raises(KeyboardInterrupt):
            again.resume(words)
    rest = Run(recorded_experiment(folder), folder, print)
    assert rest.resume().outcome.steps == 6
    assert rest.options_changed
    assert [change["options"] for change in json.loads(folder.changes.read_text())] == [words]


@pytest.mark.parametrize(
    "word", ["seed=1", "task.max_length=3", "cell.hidden_size=5", "trainer.optimizer=sgd", "trainer=rtrl"]
)
def test_other_options_cannot_change_in_a_run(start, word):
    folder, run, _ = start()
    run.start()
    before = folder.experiment.read_bytes()
    with pytest.raises(InvalidOption, match="cannot be changed in a run that has begun"):
        Run(recorded_experiment(folder, [word]), folder, print).resume([word])
    assert folder.experiment.read_bytes() == before


def test_a_schedule_goes_on_from_the_same_fraction_of_the_new_rate():
    def made(lr):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr, momentum=0.5)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
        return optimizer, schedule

    optimizer, schedule = made(1.0)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    content = {"optimizer_states": [optimizer.state_dict()], "lr_schedulers": [schedule.state_dict()]}
    fresh = made(8.0)
    renewal.renew(content, {"optimizer": fresh[0], "lr_scheduler": {"scheduler": fresh[1]}})
    optimizer, schedule = made(8.0)
    optimizer.load_state_dict(content["optimizer_states"][0])
    schedule.load_state_dict(content["lr_schedulers"][0])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.8)
    assert (schedule.base_lrs, schedule.last_epoch) == ([8.0], 3)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.08)


def test_a_rule_without_an_optimizer_has_nothing_to_renew():
    content = SimpleNamespace()
    renewal.renew(content, None)
    assert vars(content) == {}
