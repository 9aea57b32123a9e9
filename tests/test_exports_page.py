"""The page on exports: its commands and code run, and its table holds for every installed cell."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra.plugins.registry import components
from recurra_lab.cli import main
from selection import every_pair

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "exports.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("recurra") and "--push" not in line
]
CELLS = sorted(offer.component.name for offer in components("cell"))
ROWS = dict(re.findall(r"^(\| `([^`]+)` .*)$", PAGE.partition("<!-- cells -->")[2], re.MULTILINE))


def the_tool():
    spec = importlib.util.spec_from_file_location("exports", ROOT / "tools" / "regenerate_exports.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_every_cell_has_a_row():
    assert sorted(ROWS.values()) == CELLS


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), every_pair(CELLS, ["sequence", "step"]))
def test_a_row_holds(name, form):
    streaming = form == "step"
    (line,) = [line for line, cell in ROWS.items() if cell == name]
    same = line.split(" | ")[1 + streaming] == the_tool().SAME
    assert (the_tool().reason(name, streaming) == "") == same


@pytest.mark.slow
def test_its_commands_and_code_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in COMMANDS:
        folder = next(iter(tmp_path.glob("runs/copy/gru-bptt/*")), "RUN")
        result = CliRunner().invoke(main, [str(folder) if word == "RUN" else word for word in words])
        assert result.exit_code == 0, result.output
    namespace: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "exports.md", "exec"), namespace)
