"""Where a run logs: by name, checked before anything starts, and without a step twice after a resume."""

import os
import signal

import pytest
import pytorch_lightning.loggers
from pytorch_lightning.loggers import Logger

from recurra import InvalidOption
from recurra.errors import AmbiguousComponent, BrokenComponent
from recurra_lab import evaluate
from recurra_lab.artifacts.metrics_csv import MetricsFile
from recurra_lab.runs import callbacks, loggers
from recurra_lab.runs.loggers import make_loggers
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted

ABOUT = {part: {"name": name} for part, name in (("task", "copy"), ("cell", "gru"), ("trainer", "bptt"))}
HOOK = """
from recurra import Extension, hookimpl

@hookimpl
def recurra_loggers():
    return [Extension("mine", "mine_target:{}", "made up")]
"""
TARGET = """
from recurra import InvalidOption

def refuses(folder, experiment, step):
    raise InvalidOption("set MINE_KEY first")

def fails(folder, experiment, step):
    1 / 0

def wrong(folder, experiment, step):
    return "a logger"

def fewer(folder):
    ...
"""


def test_metrics_csv_is_always_written(tmp_path):
    for wanted in ("csv", (), ("csv", "csv")):
        (made,) = make_loggers(wanted, tmp_path, ABOUT, 0)
        assert isinstance(made, MetricsFile)


def test_a_mistake_is_one_sentence_and_leaves_no_folder(start):
    folder, run, _ = start("run.logger=tensorbord")
    told = (
        "run.logger: there is no logger 'tensorbord'; installed: csv, .*, mlflow; did you mean 'tensorboard'"
    )
    with pytest.raises(InvalidOption, match=told):
        run.start()
    assert not folder.path.exists()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_package_that_is_missing_is_named_with_how_to_install_it(tmp_path, monkeypatch, name):
    monkeypatch.setattr(loggers, "find_spec", lambda package: None)
    remedy = rf"install it with: pip install 'recurra-lab\[{name}\]'"
    told = f"'{name}' requires a package that is not installed; {remedy}"
    with pytest.raises(InvalidOption, match=told):
        make_loggers(name, tmp_path, ABOUT, 0)


class Recorded(Logger):
    name = version = "recorded"

    def __init__(self, *arguments, **given):
        super().__init__()
        self.arguments, self.given = arguments, given

    def log_hyperparams(self, *args, **kwargs): ...
    def log_metrics(self, *args, **kwargs): ...


def test_wandb_and_mlflow_are_lightnings_with_the_runs_name(tmp_path, monkeypatch):
    monkeypatch.setattr(loggers, "find_spec", lambda package: package)
    for name in ("WandbLogger", "MLFlowLogger"):
        monkeypatch.setattr(pytorch_lightning.loggers, name, Recorded)
    for variable in ("WANDB_PROJECT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    _, wandb, mlflow = make_loggers(["wandb", "mlflow"], tmp_path, ABOUT, 0)
    assert (wandb.given["id"], wandb.given["resume"]) == (tmp_path.name, "allow")
    assert (wandb.given["project"], wandb.given["name"]) == ("recurra", "copy gru bptt")
    assert wandb.given["config"] == ABOUT
    assert mlflow.arguments == ("recurra",)
    assert mlflow.given["run_name"] == tmp_path.name
    assert mlflow.given["tracking_uri"] == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert mlflow.given["artifact_location"] == (tmp_path / "mlartifacts").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    _, mlflow = make_loggers("mlflow", tmp_path, ABOUT, 0)
    assert mlflow.given["tracking_uri"] == "http://localhost:5000"
    assert mlflow.given["artifact_location"] is None


@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        ("refuses", InvalidOption, "^set MINE_KEY first$"),
        ("fails", BrokenComponent, "logger 'mine' of acme 1.0 cannot be created: ZeroDivisionError"),
        ("wrong", BrokenComponent, "cannot be created: it is a str, not a Lightning logger"),
        ("fewer", BrokenComponent, r"cannot be created: TypeError: fewer\(\) got an unexpected keyword"),
        ("absent", BrokenComponent, "logger 'mine' of acme 1.0 cannot be imported: AttributeError"),
    ],
)
def test_a_plugins_logger_that_cannot_be_made_is_named(world, tmp_path, target, error, told):
    world.path.joinpath("mine_target.py").write_text(TARGET)
    world.add("acme", HOOK.format(target))
    with pytest.raises(error, match=told):
        make_loggers("mine", tmp_path, ABOUT, 0)


def test_two_plugins_loggers_of_one_name_are_refused(world, tmp_path):
    for dist in ("acme", "other"):
        world.add(dist, HOOK.format("fails"))
    with pytest.raises(AmbiguousComponent, match="'acme:mine' or 'other:mine'"):
        make_loggers("mine", tmp_path, ABOUT, 0)


def test_the_old_option_names_the_new_one(start):
    told = r"run\.tensorboard=true: run: tensorboard is now called logger; write run\.logger=tensorboard"
    with pytest.raises(InvalidOption, match=told):
        start("run.tensorboard=true")
    assert start("run.tensorboard=false")[1].options.logger == "csv"


def steps(folder, name):
    """The steps of one number in TensorBoard's file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder.path / "tensorboard"))
    found.Reload()
    return [event.step for event in found.Scalars(name)]


def killed(*_):
    raise ZeroDivisionError


def asked_to_leave(*_):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("validation", "end"), [(2, asked_to_leave), (3, killed)])
def test_a_resumed_run_has_every_step_once_in_tensorboard(start, monkeypatch, validation, end):
    pytest.importorskip("tensorboard")
    done = []

    def interrupted(*arguments):
        done.append(arguments)
        if len(done) == validation:
            end()
        return evaluate(*arguments)

    monkeypatch.setattr(callbacks, "evaluate", interrupted)
    folder, run, _ = start('run.logger=["tensorboard"]')
    with pytest.raises((Interrupted, ZeroDivisionError)):
        run.start()
    Run(run.experiment, folder, print).resume()
    assert steps(folder, "train/loss") == [1, 2, 3, 4, 5, 6]
    assert steps(folder, "validation/bits_per_sequence") == [2, 4, 6]
