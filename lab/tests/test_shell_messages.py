"""The shell answers a mistake with one sentence and an exit code, and completes names."""

import sys
import types

import click
import pytest
from click.testing import CliRunner

from recurra import MissingFile
from recurra_lab.cli import COMMANDS, main
from recurra_lab.errors import RunFailed


def test_help_names_every_command_without_importing_it():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in result.output
        assert line in result.output


def run(monkeypatch, error):
    module = types.ModuleType("synthetic_command")

    @click.command()
    def raising():
        raise error

    module.raising = raising
    monkeypatch.setitem(sys.modules, "synthetic_command", module)
    monkeypatch.setitem(COMMANDS, "raising", ("synthetic_command:raising", "Raise."))
    return CliRunner().invoke(main, ["raising"])


@pytest.mark.parametrize(
    ("error", "code"), [(MissingFile("no such\nfile"), 2), (RunFailed("no such\nfile"), 1)]
)
def test_an_error_on_purpose_is_its_sentence_and_exit_code(monkeypatch, error, code):
    result = run(monkeypatch, error)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", "error: no such\nerror: file\n")


def test_a_bug_keeps_its_traceback(monkeypatch):
    assert isinstance(run(monkeypatch, ZeroDivisionError("a bug")).exception, ZeroDivisionError)


def test_control_c_leaves_with_130(monkeypatch):
    assert run(monkeypatch, KeyboardInterrupt()).exit_code == 130


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["tran"], "error: there is no command 'tran'; did you mean 'train'? See 'recurra --help'\n"),
        (
            ["list", "cells"],
            "'cells' is not one of 'cell', 'memory', 'task', 'trainer', 'command', 'optimizer', 'schedule', "
            "'logger', 'section', 'engine'; see 'recurra list --help'\n",
        ),
        (["--jsn"], "error: No such option"),
        (["list", "--jsn"], "error: No such option"),
        (["doctor", "--timeout", "soon"], "'soon' is not a valid float"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(args, sentence):
    result = CliRunner().invoke(main, args, prog_name="recurra")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_an_unknown_command_that_resembles_none_gets_the_list():
    assert "expected one of train, resume" in CliRunner().invoke(main, ["xyzzy"]).stderr


def test_version():
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("recurra, version 0.")


def test_names_are_completed_without_importing_the_commands():
    context = click.Context(main)
    assert [item.value for item in main.shell_complete(context, "re")] == ["resume", "reproduce", "report"]
    assert "--plugin" in [item.value for item in main.shell_complete(context, "--p")]
