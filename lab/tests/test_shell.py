"""The shell is quick and survives every plugin; each command runs in a process of its own."""

import json

import pytest

HEAVY = ("torch", "pytorch_lightning", "pydantic", "rich", "numpy", "datasets")
HEAD = "from recurra.plugins.hooks import Component, hookimpl\n"
HOOK = HEAD + "@hookimpl\ndef recurra_components():\n    "
EXTENSION = """
from recurra import Extension, hookimpl

@hookimpl
def recurra_{}():
    return [Extension("{}", "{}", "")]
"""
PLANTED = {
    "bad-import": ("import no_such_module_anywhere", "cannot be imported: ModuleNotFoundError"),
    "bad-syntax": ("def f(:", "cannot be imported: SyntaxError"),
    "bad-exit": ("import sys; sys.exit(3)", "it calls sys.exit(3)"),
    "bad-signature": (HEAD + "@hookimpl\ndef recurra_components(verbose): ...", "wrong hook"),
    "bad-spelling": (
        HEAD + "@hookimpl\ndef recurra_component(): ...",
        "there is no hook 'recurra_component'",
    ),
    "bad-return": (HOOK + "return 7", "returned a int"),
    "bad-duplicate": (
        HOOK + "return [Component('cell', 'good', 'json:X', '')]",
        "use 'bad-duplicate:good' to select",
    ),
    "bad-crash": ("import os; os._exit(7)", "crashed while loading (exit code 7)"),
    "bad-module": (HOOK + "return [Component('cell', 'x', 'no_such.module:X', '')]", "'no_such.module'"),
    "bad-optimizer": (
        EXTENSION.format("optimizers", "x", "json:dumps"),
        "optimizer 'x' of bad-optimizer 1.0 is not a valid optimizer: 'json:dumps' is a function",
    ),
    "bad-schedule": (
        EXTENSION.format("schedules", "x", "json:JSONEncoder"),
        "schedule 'x' of bad-schedule 1.0 is not a valid schedule: 'json:JSONEncoder' is a type",
    ),
    "bad-logger": (EXTENSION.format("loggers", "x", "json:no_such"), "cannot be imported: AttributeError"),
    "bad-section": (
        EXTENSION.format("report_sections", "x", "json.decoder:NaN"),
        "section 'x' of bad-section 1.0 is not a valid section: 'json.decoder:NaN' is a float",
    ),
    "bad-command": (
        EXTENSION.format("commands", "x", "json:dumps"),
        "command 'x' of bad-command 1.0 is not a valid command: 'json:dumps' is a function",
    ),
    "bad-train": (
        EXTENSION.format("commands", "train", "recurra_lab.cli.train:train"),
        "recurra-lab also provides a command 'train'; use 'bad-train:train' to select this one",
    ),
    "bad-adam": (
        EXTENSION.format("optimizers", "adam", "recurra_lab:Adam"),
        "recurra-lab also provides an optimizer 'adam'; use 'bad-adam:adam' to select this one",
    ),
}


LATE = {f"bad-{what}" for what in ("optimizer", "schedule", "logger", "section", "command", "train", "adam")}
"""Plugins whose hooks are sound, so that what is wrong shows only when their targets are used."""
SLOW = ("bad-schedule", "bad-adam", "bad-engine", "recurra-engine")
"""Plugins that import torch when they are examined; the fast tests keep one, which is an optimizer."""


@pytest.fixture
def planted(world):
    """All defects at once, beside one sound plugin."""
    for dist, (source, _) in PLANTED.items():
        world.add(dist, source)
    world.add("bad-attribute", "", entry_points="[recurra]\nmain = bad_attribute:plugin\n")
    world.add("bad-group", "", entry_points="[recurra.cells]\nmain = bad_group\n")
    world.add("bad-engine", "ENGINE = 7", entry_points="[recurra.engines]\nmain = bad_engine:ENGINE\n")
    world.add("bad-version", "", requires=["recurra-core>=99"])
    world.add_good("all-good", target="json:JSONEncoder")
    return world


@pytest.mark.parametrize("blocked", [SLOW, pytest.param((), marks=pytest.mark.slow)])
def test_doctor_names_every_defect_in_one_line(planted, blocked):
    result = planted.command("doctor", "--timeout", "100", RECURRA_BLOCK=",".join(blocked))
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("defect")]
    sentences = {dist: sentence for dist, (_, sentence) in PLANTED.items()}
    sentences |= {
        "bad-attribute": "AttributeError",
        "bad-group": "plugins belong in 'recurra', engines in 'recurra.engines'",
    }
    sentences |= {"bad-version": "it needs recurra-core>=99", "bad-engine": "TypeError: it has no levels"}
    for dist in set(sentences) & set(blocked):
        del sentences[dist]
    for dist, sentence in sentences.items():
        (line,) = [line for line in lines if line.startswith(f"defect  {dist}:")]
        assert sentence in line
    assert len(lines) == len(sentences)
    assert f"{len(lines)} defects" in result.stdout
    assert "ok all-good:main 1.0 cell good" in " ".join(result.stdout.split())


def test_doctor_gives_up_on_a_plugin_that_hangs(world):
    world.add("bad-hang", "import time; time.sleep(600)")
    result = world.command("doctor", "--timeout", "1", RECURRA_BLOCK="recurra-engine")
    assert "defect  bad-hang:main: timed out after 1 s while loading" in result.stdout
    assert result.returncode == 1


def test_list_names_what_is_sound_beside_every_defect(planted):
    result = planted.command("list", "--json", RECURRA_BLOCK="bad-crash")
    assert result.returncode == 0
    names = {row["name"] for row in json.loads(result.stdout) if row["kind"] == "cell"}
    assert names == {"all-good:good", "bad-duplicate:good", "x"}
    named = {
        line.split(":")[1].strip() for line in result.stderr.splitlines() if line.startswith("warning: ")
    }
    unseen = {"bad-duplicate", "bad-crash", "bad-module", *LATE}
    assert named >= set(PLANTED) - unseen
    assert "Traceback" not in result.stderr


def test_plugins_runs_no_plugin(planted):
    result = planted.command("plugins", "--json")
    assert result.returncode == 0
    listed = json.loads(result.stdout)
    dists = {plugin["dist"] for plugin in listed["plugins"]}
    assert {"bad-crash", "bad-exit", "bad-engine", "all-good"} <= dists
    assert {defect["dist"] for defect in listed["defects"]} == {"bad-group", "bad-version"}


def test_doctor_is_content_with_sound_plugins(world):
    world.add_good(target="json:JSONEncoder")
    world.add_good("noisy-cells", name="noisy", target="json:JSONEncoder")
    with world.path.joinpath("noisy_cells.py").open("a") as file:
        file.write("import atexit; print('hello'); atexit.register(print, 'bye')\n")
    result = world.command("doctor", "--json")
    assert result.returncode == 0
    found = json.loads(result.stdout)
    assert found["defects"] == []
    assert found["versions"]["torch"] != "not installed"
    offered = {plugin["dist"]: plugin["offers"] for plugin in found["plugins"] if not plugin["blocked"]}
    assert offered == {
        "good-cells": [["cell", "good"]],
        "noisy-cells": [["cell", "noisy"]],
        "recurra-contract": [["command", "check"]],  # a part of the framework, whatever plugins are allowed
    }
    levels = {engine["dist"]: engine["offers"] for engine in found["engines"]}
    assert ["level", "native"] in levels["recurra-engine"]


def test_list_is_a_table(world):
    world.add_good("good-cells", "cell", "good")
    world.add_good("good-tasks", "task", "better")
    result = world.command("list", "cell")
    heading, row = result.stdout.splitlines()
    assert heading.split() == ["KIND", "NAME", "SUMMARY", "PAPER", "PLUGIN"]
    assert row.split() == ["cell", "good", "made", "up", "good-cells"]
    assert result.stderr == ""


def test_extensions_and_engines_are_listed_with_what_the_lab_has(world):
    world.add("acme-optim", EXTENSION.format("optimizers", "muon", "json:dumps"))
    rows = json.loads(world.command("list", "--json").stdout)
    offered = {(row["kind"], row["name"], row["dist"]) for row in rows}
    assert {("optimizer", "muon", "acme-optim"), ("optimizer", "adam", "recurra-lab")} <= offered
    assert {("logger", "tensorboard", "recurra-lab"), ("engine", "recurra", "recurra-engine")} <= offered
    assert [row["name"] for row in json.loads(world.command("list", "schedule", "--json").stdout)] == [
        "constant",
        "cosine",
        "step",
        "one-cycle",
    ]


def test_engines_are_listed_with_their_levels_and_what_is_wrong(world):
    world.add("bad-engine", "ENGINE = 7", entry_points="[recurra.engines]\nmain = bad_engine:ENGINE\n")
    result = world.command("list", "engine", "--json")
    levels = {row["dist"]: row["levels"] for row in json.loads(result.stdout)}
    assert levels["bad-engine"] == []
    assert "native" in levels["recurra-engine"]
    assert "warning: bad-engine:main: the engine cannot be used: TypeError" in result.stderr


def test_plugins_tells_what_each_offers(world):
    world.add("acme-commands", EXTENSION.format("commands", "hello", "json:dumps"))
    rows = json.loads(world.command("plugins", "--offers", "--json").stdout)["plugins"]
    offers = {row["dist"]: row["offers"] for row in rows if not row["blocked"]}
    assert offers["acme-commands"] == [["command", "hello"]]
    assert ["level", "native"] in offers["recurra-engine"]


COMMAND = """
import click

@click.command()
def say():
    click.echo("{}")
"""


def test_a_command_of_a_plugin_runs_and_a_name_that_is_taken_is_qualified(world):
    for dist, name in (("acme", "hello"), ("other", "hello"), ("third", "train")):
        world.path.joinpath(f"{dist}_target.py").write_text(COMMAND.format(f"{dist} says {name}"))
        world.add(f"{dist}-commands", EXTENSION.format("commands", name, f"{dist}_target:say"))
    assert world.command("other-commands:hello").stdout == "other says hello\n"
    assert world.command("third-commands:train").stdout == "third says train\n"
    refused = world.command("hello")
    told = "2 plugins offer a command 'hello'; write 'acme-commands:hello' or 'other-commands:hello'"
    assert (refused.returncode, refused.stderr) == (2, f"error: {told}\n")
    listed = world.command("--help").stdout
    assert "acme-commands:hello" in listed
    assert "third-commands:train" in listed


def test_one_file_plugin_from_the_shell(world):
    world.path.joinpath("my_cell.py").write_text(
        HOOK + "return [Component('cell', 'mine', 'my_cell:Mine', '')]"
    )
    assert "my_cell.py" in world.command("--plugin", "./my_cell.py", "list").stdout
    result = world.command("--plugin", "./my_cel.py", "list")
    assert result.returncode == 2
    assert result.stderr == "error: there is no plugin file 'my_cel.py'; did you mean 'my_cell.py'?\n"


@pytest.mark.parametrize("args", [["--help"], ["list"], ["list", "--json"], ["plugins"], ["runs", "."], []])
def test_the_light_commands_import_nothing_heavy(world, args):
    world.add_good()
    code = f"""
import sys
from recurra_lab.cli import main
try:
    main({args!r})
except SystemExit as end:
    print(end.code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    assert world.python("-c", code).stderr == "0 []\n"


def test_control_c_in_a_plugin_names_it(world):
    world.add("acme-cells", "raise KeyboardInterrupt")
    result = world.command("list")
    assert result.returncode == 130
    assert (
        "error: interrupted in plugin acme-cells:main; RECURRA_BLOCK=acme-cells disables it\n"
        in result.stderr
    )
