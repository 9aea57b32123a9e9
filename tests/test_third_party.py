"""A stranger's plugins: generated elsewhere, pip-installed in an environment of their own, and used there."""

import json
import re
import sys
import types
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, hookimpl
from recurra.plugins import registry
from recurra.plugins.hooks import KINDS
from recurra_lab.cli import COMMANDS, plugin_commands
from recurra_lab.scaffold.plugin import Plugin

from .elsewhere import Elsewhere, good, run

NAMES = {kind: f"outside-{kind}" for kind in KINDS}
DISTS = {kind: f"recurra-{name}" for kind, name in NAMES.items()}
EXPERIMENTS = "def recurra_experiments"
FEW = (
    "run.max_steps=4",
    "run.suite_batches=1",
    "run.evaluation_batch_size=4",
    "run.validation_batches=1",
    "run.progress=false",
)
CHEAP = "not (check_export or equal_steps or equals_steps or _resets or _states)"
"""All checks of a contract that compile nothing, and all other tests."""
WORDS = {
    "cell": ("copy", NAMES["cell"], "cell.hidden_size=8"),
    "memory": ("copy", "ntm", f"cell.memory={NAMES['memory']}", "cell.memory.keys=4"),
    "task": (NAMES["task"], "gru", "task.delay=2"),
    "trainer": ("copy", "gru", f"trainer={NAMES['trainer']}", "trainer.lr=0.5"),
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The environment with a generated plugin of each kind: the cell as its author has it, editable."""
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    for kind, name in NAMES.items():
        told = good(made.run("-m", "recurra", "new", kind, name))
        assert f"pip install -e ./{DISTS[kind]}" in told
    folders = [f"./{dist}" for kind, dist in DISTS.items() if kind != "cell"]
    options = ["--no-build-isolation", "--no-deps", "--no-index"]
    good(made.run("-m", "pip", "install", *options, "-e", f"./{DISTS['cell']}", *folders))
    return made


def offered(listing: str) -> dict[str, str]:
    return {row["dist"]: row["name"] for row in json.loads(listing)}


def test_they_are_listed_there_and_not_here(elsewhere):
    there = offered(good(elsewhere.run("-m", "recurra", "list", "--json")))
    here = offered(good(run(sys.executable, "-m", "recurra", "list", "--json", cwd=elsewhere.folder)))
    assert {dist: there[dist] for dist in DISTS.values()} == {DISTS[kind]: NAMES[kind] for kind in KINDS}
    assert not set(DISTS.values()) & set(here)
    assert set(here) < set(there)


def test_they_have_no_defects(elsewhere):
    told = good(elsewhere.run("-m", "recurra", "doctor"))
    for kind in KINDS:
        assert f"{kind} {NAMES[kind]}" in told


def test_a_name_that_is_taken_there_is_refused_there(elsewhere):
    done = elsewhere.run("-m", "recurra", "new", "cell", NAMES["cell"], "--folder", "again")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {DISTS['cell']} 0.1.0 already provides a cell '{NAMES['cell']}'")
    assert not (elsewhere.folder / "again").exists()


@pytest.mark.parametrize("selected", [CHEAP, pytest.param("test", marks=pytest.mark.slow)])
def test_their_own_tests_pass_with_their_contract(elsewhere, selected):
    options = ["-v", "-W", "error", "--import-mode=importlib", "-k", selected]
    told = good(elsewhere.run("-m", "pytest", *options, *DISTS.values()))
    for kind, dist in DISTS.items():
        tests = f"test_{dist.replace('-', '_')}.py::test_"
        assert re.search(rf"{tests}contract\[check_\w+\] PASSED", told)
        assert re.search(rf"{tests}\w+_by_hand PASSED", told) or kind == "task"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_shell_checks_their_contract(elsewhere, kind):
    told = good(elsewhere.run("-m", "recurra", "check", DISTS[kind]))
    assert re.match(rf"{kind} {NAMES[kind]}: \d{{2}} passed", told)


@pytest.fixture(scope="module")
def trained(elsewhere):
    """What is said by runs with a plugin of each kind, which one process trains in turn."""
    runs = [["train", *WORDS[kind], *FEW, "--out", kind] for kind in KINDS]
    code = f"from recurra_lab.cli import main\nfor words in {runs}: main(words, standalone_mode=False)"
    return good(elsewhere.run("-c", code))


def test_each_run_ends(trained):
    assert trained.count("step budget exhausted after 4 updates") == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_trains(elsewhere, trained, kind):
    task, cell, *_ = WORDS[kind]
    trainer = NAMES[kind] if kind == "trainer" else "bptt"
    (folder,) = (elsewhere.folder / kind / task / f"{cell}-{trainer}").iterdir()
    scores = json.loads((folder / "scores.json").read_text("utf-8"))
    suite = {"length-20", "length-40", "length-80"} if kind == "task" else {"length-10", "length-120"}
    assert suite <= set(scores)
    assert (folder / "model.safetensors").stat().st_size > 0
    assert NAMES[kind] in (folder / "experiment.toml").read_text("utf-8")
    assert DISTS[kind] in (folder / "versions.json").read_text("utf-8")


PAGE = (Path(__file__).parents[1] / "docs/writing-a-plugin.md").read_text("utf-8")
SHOWN = {"cell": "leaky", "memory": "fading", "task": "echo", "trainer": "descent"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def generated(monkeypatch):
    """Every file of the four plugins of the tutorial, path -> content."""
    monkeypatch.setattr(registry, "components", lambda kind=None: [])
    return {path: text for kind, name in SHOWN.items() for path, text in Plugin(kind, name).files().items()}


def test_the_tutorial_shows_the_files_that_are_generated(generated):
    texts = list(generated.values())
    snippets = [snippet for snippet in blocks("python") if EXPERIMENTS not in snippet]
    assert len(snippets) >= 7
    assert [snippet for snippet in snippets if not any(snippet in text for text in texts)] == []
    assert generated["src/recurra_leaky/cell.py"] in snippets
    assert generated["src/recurra_leaky/__init__.py"] in snippets


def test_the_tutorials_hook_finds_experiments(tmp_path):
    (snippet,) = (snippet for snippet in blocks("python") if EXPERIMENTS in snippet)
    file = tmp_path / "experiments" / "graves2014" / "copy.toml"
    file.parent.mkdir(parents=True)
    file.touch()
    made = {"hookimpl": hookimpl, "Iterable": Iterable, "Path": Path, "__file__": str(tmp_path / "module.py")}
    exec(snippet, made)
    assert list(made["recurra_experiments"]()) == [file]


def test_the_tutorials_edit_makes_the_cell_that_it_promises(generated):
    text = generated["src/recurra_leaky/cell.py"]
    for lines in map(str.splitlines, blocks("diff")):
        old, new = ("\n".join(x[1:] for x in lines if x[0] in side) for side in (" -", " +"))
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    module = types.ModuleType("edited")
    exec(text, vars(module))
    slow = module.LeakyCell(3, hidden_size=5, rate=0.01)
    y, _ = slow(100 * torch.randn(4, 1, 3))
    assert 0 < y.abs().max() <= 0.01
    with pytest.raises(InvalidOption, match="rate"):
        module.LeakyCell(3, rate=2)


def test_the_tutorial_names_only_commands_that_exist():
    used = re.findall(r"(?:^|`)recurra (?:--plugin \S+ )?([a-z]+)", PAGE, re.MULTILINE)
    assert {"new", "check", "train", "info", "doctor"} <= set(used) <= {*COMMANDS, *plugin_commands()}
