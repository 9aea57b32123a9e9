"""`recurra new` writes plugins that are complete, tidy and small, and refuses with one sentence."""

import ast
import io
import os
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from recurra import Component
from recurra.plugins import registry
from recurra.plugins.hooks import KINDS
from recurra.plugins.registry import Offer
from recurra_lab.cli import main
from recurra_lab.errors import InvalidName
from recurra_lab.scaffold.plugin import Plugin

PYTHON_LINES_OF_A_CELL = 25
TRIED_WITH_NOTHING_INSTALLED = {
    "cell": "recurra train TASK mine",
    "memory": "recurra train TASK CELL cell.memory=mine",
    "task": "recurra train mine CELL",
    "trainer": "recurra train TASK CELL trainer=mine",
}
TRIED = {
    "cell": "recurra train copy mine",
    "memory": "recurra train copy ntm cell.memory=mine",
    "task": "recurra train mine gru",
    "trainer": "recurra train copy gru trainer=mine",
}
SETTINGS = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def none_installed(monkeypatch):
    monkeypatch.setattr(registry, "components", lambda kind=None: [])


def new(*arguments):
    return CliRunner().invoke(main, ["new", *map(str, arguments)])


def refusal(*arguments) -> str:
    """Return the one sentence with which a command is refused."""
    result = new(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line.removeprefix("error: ")


def code_lines(source: str) -> int:
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            docstrings |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def test_code_lines_are_counted_as_said():
    source = (
        '"""Doc.\n\nMore."""\n\n# why\nx = (\n    1,\n)\n\ndef f():\n    """Doc."""\n    return x  # why\n'
    )
    assert code_lines(source) == 5


def test_a_cell_plugin_is_at_most_25_lines_of_python(none_installed):
    sources = {p: text for p, text in Plugin("cell", "leaky").files().items() if p.startswith("src/")}
    assert sorted(sources) == ["src/recurra_leaky/__init__.py", "src/recurra_leaky/cell.py"]
    assert sum(map(code_lines, sources.values())) <= PYTHON_LINES_OF_A_CELL


@pytest.mark.parametrize("kind", KINDS)
class TestGenerated:
    def test_the_plugin_is_complete(self, kind, none_installed, tmp_path):
        result = new(kind, "two-words", "--folder", tmp_path)
        assert result.exit_code == 0
        home = tmp_path / "recurra-two-words"
        assert {"pyproject.toml", "README.md", ".gitignore"} < {p.name for p in home.iterdir()}
        assert (home / "src/recurra_two_words" / f"{kind}.py").is_file()
        assert (home / "tests/test_recurra_two_words.py").is_file()
        about = tomllib.loads((home / "pyproject.toml").read_text("utf-8"))["project"]
        assert about["name"] == "recurra-two-words"
        assert about["entry-points"]["recurra"] == {"two-words": "recurra_two_words"}
        needed = "recurra-lab" if kind == "trainer" else "recurra-core"
        assert about["dependencies"][0] == f"{needed}>=0.1,<0.2"

    def test_the_next_steps_are_told(self, kind, none_installed, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        *_, install, check, command = new(kind, "mine").stdout.splitlines()
        assert install.strip() == "pip install -e ./recurra-mine"
        assert check.strip() == "recurra check recurra-mine"
        assert command.strip() == TRIED_WITH_NOTHING_INSTALLED[kind]

    def test_it_is_tried_with_what_plugins_mark_as_default(self, kind):
        assert Plugin(kind, "mine").command == TRIED[kind]

    @pytest.mark.parametrize("name", ["a", "mine", f"a-rather-{'very-' * 3}long-name"])
    def test_the_code_parses_and_no_placeholder_is_left(self, kind, name, none_installed):
        for path, text in Plugin(kind, name).files().items():
            assert "$" not in text + path
            if path.endswith(".py"):
                ast.parse(text)

    def test_the_code_keeps_this_repositorys_style(self, kind, none_installed, tmp_path):
        home = Plugin(kind, "mine").write(tmp_path)
        outside = 'lint.isort.known-first-party = ["recurra_mine"]'
        options = ["--no-cache", "--config", SETTINGS, "--config", outside]
        for command in (["check"], ["format", "--check"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *options, "."],
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize("name", KINDS)
    def test_a_class_never_hides_a_name_that_its_module_imports(self, kind, name, none_installed):
        for path, text in Plugin(kind, name).files().items():
            nodes = list(ast.walk(ast.parse(text))) if path.endswith(".py") else []
            imported = {a.asname or a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}
            defined = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
            assert not imported & defined


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("LeakyUnit", "leaky-unit"),
        ("leaky_unit", "leaky-unit"),
        ("leaky--unit", "leaky-unit"),
        ("-x", None),
        ("3d", "d"),
        ("leaky unit", "leaky-unit"),
        ("a/b", "a-b"),
        ("unité", "unit"),
        ("", None),
    ],
)
def test_a_malformed_name_is_refused_with_the_nearest_one(name, near, none_installed, tmp_path):
    told = refusal("cell", "--folder", tmp_path, "--", name)
    assert told.startswith(f"'{name}' is not a valid name; expected lower-case letters and digits")
    assert near is None or told.endswith(f"did you mean '{near}'?")
    assert not list(tmp_path.iterdir())


def test_a_keyword_is_refused(none_installed):
    assert refusal("cell", "lambda") == "'lambda' is a Python keyword; choose another name"


@given(st.text(st.characters(codec="utf-8"), max_size=12) | st.from_regex(r"[a-z0-9_-]{1,8}", fullmatch=True))
def test_every_name_is_refused_or_makes_an_importable_module(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "components", lambda kind=None: [])
        try:
            files = Plugin("trainer", name).files()
        except InvalidName:
            return
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text)
            assert path.startswith("tests/") or Path(path).parent.name.isidentifier()


def test_the_name_of_an_installed_component_is_refused(monkeypatch):
    offer = Offer(Component("memory", "tape", "acme:Tape", ""), "acme-memory", "2.1")
    monkeypatch.setattr(registry, "components", lambda kind=None: [offer] if kind == "memory" else [])
    told = refusal("memory", "tape")
    assert told == "acme-memory 2.1 already provides a memory 'tape'; choose another name"
    assert Plugin("cell", "tape").dist == "recurra-tape"


def test_the_name_of_an_installed_distribution_is_refused(none_installed):
    told = refusal("cell", "core")
    assert told.startswith("the distribution recurra-core 0.")
    assert told.endswith("is already installed; choose another name")


def test_an_unknown_kind_is_refused():
    assert "'cell', 'memory', 'task', 'trainer'" in refusal("layer", "mine")


def test_a_folder_with_files_is_refused_and_left_alone(none_installed, tmp_path):
    home = Plugin("cell", "mine").write(tmp_path)
    (home / "src/recurra_mine/cell.py").write_text("mine")
    told = refusal("cell", "mine", "--folder", tmp_path)
    assert told == f"{home} is not empty; choose another name or another --folder"
    assert (home / "src/recurra_mine/cell.py").read_text() == "mine"


def test_an_empty_folder_is_filled(none_installed, tmp_path):
    (tmp_path / "recurra-mine").mkdir()
    assert new("cell", "mine", "--folder", tmp_path).exit_code == 0


def test_a_folder_that_is_a_file_is_refused(none_installed, tmp_path):
    (tmp_path / "file").write_text("")
    told = refusal("cell", "mine", "--folder", tmp_path / "file")
    assert told.startswith(f"cannot write {tmp_path / 'file' / 'recurra-mine'}: Not a directory")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(none_installed, tmp_path):
    tmp_path.chmod(0o500)
    assert "Permission denied" in refusal("cell", "mine", "--folder", tmp_path)
