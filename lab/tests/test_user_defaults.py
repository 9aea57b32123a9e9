"""Defaults in recurra.toml: where they are found, what they may hold, and what takes precedence."""

import functools
import json
import sys

import click
import pytest
from click.testing import CliRunner

from recurra.plugins import discovery
from recurra_lab import Experiment
from recurra_lab.cli import main
from recurra_lab.cli._machine import values_of_defaults
from recurra_lab.defaults import VARIABLE, defaults


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder and a folder of the user's own file."""
    for name in ("work", "own"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(click, "get_app_dir", lambda name: str(tmp_path / "own"))
    return tmp_path


def write(folder, text):
    (folder / "recurra.toml").write_text(text)


def shell(*words):
    return CliRunner().invoke(main, words, prog_name="recurra")


def config(*words):
    return shell("train", "copy", "gru", *words, "--print-config").stdout


def test_the_folder_precedes_the_user_a_file_both_and_the_command_line_all(place):
    write(place / "own", "seed = 1\nrun = {max_steps = 1, threads = 2, batch_size = 3}")
    write(place / "work", "run = {threads = 4}")
    assert [
        line for line in config().splitlines() if line in ("seed = 1", "max_steps = 1", "threads = 4")
    ] == [
        "seed = 1",
        "max_steps = 1",
        "threads = 4",
    ]
    (place / "x.toml").write_text("run = {max_steps = 5}")
    assert "max_steps = 5" in config("-c", str(place / "x.toml"))
    assert "max_steps = 7" in config("-c", str(place / "x.toml"), "run.max_steps=7")


def test_a_recorded_experiment_does_not_change_with_the_defaults(place):
    write(place / "work", "run = {stop_below = 0.5}")
    assert "stop_below = 0.5" in config()
    made = Experiment.compose("copy", "gru", overrides=["run.stop_below=none"], defaults=defaults())
    (place / "recorded.toml").write_text(made.to_toml())
    assert Experiment.from_toml(place / "recorded.toml").run.stop_below is None


def test_options_of_a_trainer_that_is_not_chosen_are_dropped(place):
    write(place / "work", "[trainer.optimizer]\nlr = 0.5")
    assert "lr = 0.5" in config()
    assert "lr = 0.5" not in config("trainer=guessing")


def test_the_variable_names_another_file_or_none(place, monkeypatch):
    write(place / "work", "seed = 1")
    monkeypatch.setenv(VARIABLE, "")
    assert defaults() == []
    monkeypatch.setenv(VARIABLE, "no.toml")
    assert "no.toml does not exist" in shell("train", "copy", "gru").stderr


def test_options_of_commands_have_defaults_too(place):
    write(place / "work", '[commands.runs]\nsort = "seed"\njson = true')
    assert json.loads(shell("runs", str(place / "work")).output) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[runn]\nseed = 1", "recurra.toml: 'runn' cannot have a default; did you mean 'run'?"),
        ('cell = "gru"', "'cell' cannot have a default; expected one of seed, model, trainer, run, commands"),
        ("commands = 3", "expected a table [commands.COMMAND]; got commands = 3"),
        ("[commands]\ntrain = 3", "expected a table [commands.train]; got train = 3 in [commands]"),
        ("[commands.train]\nouts = 1", "'recurra train' has no option --outs; did you mean 'out'?"),
        (
            '[commands.train]\ndevices = "x"',
            "recurra.toml: commands.train.devices = \"x\": 'x' is not a valid",
        ),
        ("[run]\nmax_steps = -1", "recurra.toml: run.max_steps = -1: expected an integer greater than 0"),
        ("run = = 1", "recurra.toml:1: not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence_with_its_name(place, text, told):
    write(place / "work", text)
    result = shell("train", "copy", "gru", "--dry-run")
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_of_that_name_is_not_ignored(place):
    (place / "work" / "recurra.toml").mkdir()
    result = shell("train", "copy", "gru", "--dry-run")
    assert (result.exit_code, result.stderr) == (2, "error: recurra.toml cannot be read: is a directory\n")


def test_a_command_that_does_not_exist_is_named(place):
    write(place / "work", "[commands.trian]\nout = 'x'")
    result = shell("train", "copy", "gru", "--dry-run")
    told = "recurra.toml: commands.trian: there is no command 'trian'; did you mean 'train'?"
    assert (result.exit_code, result.stderr) == (0, f"warning: {told}\n")


COMMAND = """
import click
from recurra import Extension, hookimpl

@click.command()
@click.option("--times", default=1)
def greet(times):
    click.echo("hello " * times)

@hookimpl
def recurra_commands():
    return [Extension("greet", "greeting:greet", "Greet.")]
"""


def test_a_command_of_a_single_file_has_defaults(place, monkeypatch):
    monkeypatch.setenv(discovery.FILES, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(discovery, "plugins", functools.cache(discovery.plugins.__wrapped__))
    (place / "work" / "greeting.py").write_text(COMMAND)
    write(place / "work", "[commands.greet]\ntimes = 2")
    result = shell("--plugin", "greeting.py", "greet")
    assert (result.stderr, result.stdout) == ("", "hello hello \n")


def test_doctor_shows_the_values_by_file(place):
    write(place / "own", "seed = 1")
    write(place / "work", '[commands.train]\nout = "elsewhere"')
    own = str(place / "own" / "recurra.toml")
    assert values_of_defaults() == {own: {"seed": 1}, "recurra.toml": {"commands.train.out": "elsewhere"}}
