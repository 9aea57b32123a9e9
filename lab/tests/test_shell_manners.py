"""The shell's manners: JSON, pipes, narrow terminals, colours, completion, dry runs and time left."""

import json
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from recurra_lab.cli import COMMANDS, main
from recurra_lab.cli import install as installing
from recurra_lab.cli._arguments import teller
from recurra_lab.cli._output import table
from recurra_lab.reproductions import rerun
from recurra_lab.runs import seed_runs
from recurra_lab.runs.progress import INTERVAL_S, Lines
from recurra_lab.time_left import Countdown

PRINT_OTHER = {"schema": "prints a JSON schema", "completion": "prints a script"}
LONG = ("train", "resume", "sweep", "reproduce", "compare")
ROWS = [("KIND", "NAME", "SUMMARY"), ("memory", "delta-product", "several delta rules in each step")]


def shell(*words):
    return CliRunner().invoke(main, words, prog_name="recurra")


def flags(name):
    command = main.get_command(click.Context(main), name)
    return {flag for option in command.params for flag in option.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_json_if_asked(name):
    assert ("--json" in flags(name)) is (name not in PRINT_OTHER)


def test_long_commands_can_be_quiet_and_the_costly_ones_dry():
    assert all("--quiet" in flags(name) for name in LONG)
    assert all("--dry-run" in flags(name) for name in ("train", "sweep", "reproduce", "install"))


@pytest.mark.parametrize(
    ("flags", "out", "err"),
    [
        ({"quiet": False, "as_json": False}, "step 1\nwarning: x\n", ""),
        ({"quiet": False, "as_json": True}, "", "step 1\nwarning: x\n"),
        ({"quiet": True, "as_json": False}, "", "warning: x\n"),
    ],
)
def test_progress_leaves_the_result_alone_and_warnings_are_never_hidden(flags, out, err, capsys):
    for line in ("step 1", "warning: x"):
        teller(**flags)(line)
    assert capsys.readouterr() == (out, err)


def test_a_table_is_as_wide_as_its_text_without_a_terminal():
    assert table(ROWS).splitlines()[1] == "memory  delta-product  several delta rules in each step"


def test_a_table_wraps_to_the_terminal_without_breaking_words():
    lines = table(ROWS, 40).splitlines()
    assert lines[1:] == [
        "memory  delta-product  several delta",
        "                       rules in each",
        "                       step",
    ]
    assert all(len(line) <= 40 for line in lines)


def test_on_a_very_narrow_terminal_a_row_becomes_lines():
    assert table(ROWS, 29).splitlines() == [
        "KIND     memory",
        "NAME     delta-product",
        "SUMMARY  several delta rules",
        "         in each step",
    ]


def test_facts_wrap_in_their_second_column():
    assert table([("gpu", "a device with a long name")], 24) == "gpu  a device with a\n     long name"


@pytest.mark.parametrize(("set_", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_obeyed_even_on_a_terminal(set_, coloured):
    result = CliRunner(env=set_).invoke(main, ["info", "run"], color=True)
    assert ("\x1b[" in result.output) is coloured


@pytest.mark.slow
def test_a_closed_pipe_ends_a_command_without_a_traceback():
    program = f"{sys.executable} -m recurra_lab list; echo ${{PIPESTATUS[@]}}"
    words = ["bash", "-c", program.replace(" list;", " list | true;")]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout.split()[1] == "0"


@pytest.mark.parametrize("name", ["zsh", "fish"])  # click asks bash for its version, which CI may lack
def test_completion_prints_the_script_of_the_shell(name, monkeypatch):
    assert "_RECURRA_COMPLETE" in shell("completion", name).output
    monkeypatch.setenv("SHELL", f"/bin/{name}")
    assert shell("completion").output == shell("completion", name).output


def test_completion_needs_a_shell_that_it_knows(monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "$SHELL is tcsh; expected recurra completion bash|zsh|fish" in shell("completion").stderr


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        (["train"], "temporal", "temporal-order"),
        (["train", "copy"], "nt", "ntm"),
        (["sweep", "copy", "gru"], "cell.hid", "cell.hidden_size="),
        (["explain"], "lst", "lstm"),
        (["info"], "bp", "bptt"),
        (["reproduce"], "gers2001/anbn", "gers2001/anbncn"),
    ],
)
def test_names_and_keys_are_completed(words, incomplete, found):
    made = get_completion_class("bash")(main, {}, "recurra", "_RECURRA_COMPLETE")
    assert found in [item.value for item in made.get_completions(words, incomplete)]


def test_a_dry_run_of_training_builds_everything_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = shell("train", "copy", "gru", "cell.hidden_size=4", "run.max_steps=3", "--dry-run", "--json")
    planned = json.loads(result.output)
    gru, readout = 3 * 4 * (10 + 4 + 1) + 4, 8 * (4 + 1)  # 8 bits and two delimiters
    assert (planned["parameters"], planned["updates"], planned["sequences"]) == (gru + readout, 3, 48)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_sweep_checks_every_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "copy", "gru", "--seeds", "3", "--dry-run"]
    assert "runs              6\n" in shell(*words, "cell.hidden_size=4,8").output
    assert "cell.hidden_size" in shell(*words, "cell.hidden_size=4,-8").stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_an_experiment_lists_its_runs():
    (planned,) = json.loads(shell("reproduce", "gers2001/anbn", "--seeds", "5", "--dry-run", "--json").output)
    assert planned["runs"] == 5
    assert planned["minutes"] > 0


def test_the_countdown_tells_what_is_left_and_does_not_count_reused_runs():
    told, times = [], iter([0.0, 0.1, 60.1, 120.1, 180.0])
    count = Countdown(told.append, 4, lambda: next(times))
    for number in range(4):
        count(f"seed {number}")
    assert told == [
        "seed 0 (1 of 4)",
        "seed 1 (2 of 4, about 2 min 0 s left)",
        "seed 2 (3 of 4, about 60 s left)",
        "seed 3 (4 of 4)",
    ]


def test_control_c_in_several_runs_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(seed_runs, "_finished", interrupted)
    monkeypatch.setattr(rerun, "claim_of", lambda path: SimpleNamespace(seeds=1))
    result = shell("reproduce", "gers2001/anbn", "--out", str(tmp_path))
    assert result.exit_code == 130
    assert result.stderr.strip() == f"error: {seed_runs.INTERRUPTED}"


class Pretended:
    """What the progress lines read of a trainer and of a module."""

    is_global_zero, callback_metrics = True, {}

    def __init__(self):
        self.batches_seen = 0


def test_progress_without_a_terminal_is_a_line_now_and_then():
    told, now, module = [], [0.0], Pretended()
    module.task = type("Task", (), {"goal": type("Goal", (), {"score": "bits"})})
    lines = Lines(100, told.append, lambda: now[0])
    lines.on_train_start(module, module)
    for step in (1, 10, 100):
        module.batches_seen = step
        now[0] = step * INTERVAL_S / 10
        module.callback_metrics = {"validation/bits": 2.5}
        lines.on_train_batch_end(module, module, None, None, 0)
    assert told == ["10 of 100 updates, validation/bits 2.5, at most 90 s left"]


def test_install_says_what_it_runs(monkeypatch):
    monkeypatch.setattr(installing.shutil, "which", lambda *_, **__: "/bin/uv")
    line = shell("install", "recurra-gru", "-U", "--dry-run").output
    assert line == (
        f"/bin/uv pip install --python {sys.executable} --compile-bytecode --upgrade recurra-gru\n"
    )


def test_install_falls_back_on_pip_and_needs_one_of_the_two(monkeypatch):
    monkeypatch.setattr(installing.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(installing, "find_spec", lambda _: object())
    assert installing.installer(("x",)) == [sys.executable, "-m", "pip", "install", "x"]
    monkeypatch.setattr(installing, "find_spec", lambda _: None)
    assert "there is neither uv nor pip" in shell("install", "x").stderr


def test_a_failed_installation_is_one_sentence(monkeypatch):
    monkeypatch.setattr(
        installing, "installer", lambda *_, **__: [sys.executable, "-c", "raise SystemExit(3)"]
    )
    result = shell("install", "x")
    assert result.exit_code == 1
    assert "error: the installation failed with exit code 3" in result.stderr


def test_options_of_pip_are_not_passed_on():
    assert "'--index-url' is not the name of a plugin" in shell("install", "--", "--index-url").stderr
