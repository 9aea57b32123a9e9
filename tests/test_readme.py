"""What the README says is true: its code runs, its commands exist, its files are where it says."""

import re
from pathlib import Path

from recurra_lab.cli import COMMANDS, plugin_commands

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


CELL, RUN = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_its_cell_runs():
    made = {}
    exec(CELL, made)
    assert made["y"].shape == (32, 100, 64)


def test_its_run_is_trained_and_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(RUN.replace('"max_steps": 500', '"max_steps": 2, "suite_batches": 1'), made)
    assert made["run"].outcome.steps == 2
    assert made["probabilities"].shape[0] == 4


def test_its_commands_exist_and_all_commands_are_in_it():
    blocks = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)])
    named = set(re.findall(r"^(?:\.venv/bin/)?recurra ([a-z-]+)", code, re.MULTILINE))
    assert named == {*COMMANDS, *plugin_commands()}


def test_the_files_it_links_to_exist():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_folders_it_shows_exist():
    shown = re.findall(r"^([a-z/]+/) {2,}\S", README, re.MULTILINE)
    assert len(shown) >= 8
    assert not [folder for folder in shown if not (ROOT / folder).is_dir()]


def test_its_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
