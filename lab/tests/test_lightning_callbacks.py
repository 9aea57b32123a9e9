"""Lightning callbacks of a run by name: checked before anything starts, and active in the run."""

import json

import pytest

from recurra import InvalidOption
from recurra_lab import Experiment
from recurra_lab.experiments import lightning_callbacks
from recurra_lab.runs.record import recorded_experiment
from recurra_lab.runs.run import Run


def composed(value):
    return Experiment.compose("copy", "gru", overrides=[f"run.callbacks={value}"])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            '["LearningRateMonitr"]',
            "no callback 'LearningRateMonitr' for runs; .*; did you mean 'LearningRate",
        ),
        ('[{name="Timer", verbos=1}]', "'Timer' has no option 'verbos'; it has duration, .*mean 'verbose'"),
        ('[{name="Timer", interval="week"}]', "callback 'Timer' cannot be created: Unsupported parameter"),
        ('["EarlyStopping"]', "would do what the run does itself; set run.early_stop_patience instead"),
        ("[{verbose=false}]", "expected a table with a name, such as"),
        ("ModelPruning", "there is no callback 'ModelPruning' for runs; expected one of DeviceStats"),
    ],
)
def test_a_mistake_is_one_sentence(value, told):
    with pytest.raises(InvalidOption, match=told):
        composed(value)


def test_a_package_that_a_callback_needs_is_named(monkeypatch):
    monkeypatch.setattr(lightning_callbacks, "find_spec", lambda package: None)
    with pytest.raises(InvalidOption, match=r"requires psutil, .*; install it with: pip install psutil"):
        composed("DeviceStatsMonitor")


def test_a_run_has_them_and_keeps_them_when_resumed(start):
    wanted = 'run.callbacks=["LearningRateMonitor", {name="Timer", verbose=false}]'
    folder, run, _ = start(wanted)
    run.start()
    names = {line.split(",")[1] for line in folder.metrics.read_text().splitlines()}
    assert any(name.startswith("lr-") for name in names)
    more = ["run.max_steps=8"]
    Run(recorded_experiment(folder, more), folder, print).resume(more)
    assert json.loads(folder.outcome.read_text())["steps"] == 8
    again = Experiment.from_toml(folder.experiment)
    assert again.run.callbacks == ("LearningRateMonitor", {"name": "Timer", "verbose": False})
