"""The README's tables are what is installed, and what was reproduced."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def writer():
    """The script that writes the tables."""
    script = ROOT / "tools" / "regenerate_readme.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_up_to_date(writer):
    assert all(README.count(f"<!-- {name} -->") == 2 for name in writer.TABLES)
    assert writer.updated(README) == README, "run python tools/regenerate_readme.py"


def test_the_rest_of_a_page_stays_as_it_is(writer):
    mark = "<!-- tasks -->"
    page = f"above\n{mark}\nwords\n\n| plugin | old |\n| stale |\n{mark}\nbelow\n"
    updated = writer.updated(page)
    assert updated == f"above\n{mark}\nwords\n\n{writer.tasks()}\n{mark}\nbelow\n"
    assert writer.updated(updated) == updated


def offer(name, dist="recurra-x"):
    return SimpleNamespace(component=SimpleNamespace(name=name), qualified=name, dist=dist)


def test_a_suite_has_a_row_for_each_structure_with_the_cells_that_read_it(writer, monkeypatch):
    gives = {"count": "vectors", "spell": "tokens", "parse": "token-trees", "draw": "graphs"}
    reads = {"gru": "vectors", "lstm": "vectors", "fold": "trees"}
    offers = {"task": [offer(name) for name in gives], "cell": [offer(name) for name in reads]}

    def load(kind, name):
        tags = SimpleNamespace(input_kind=reads.get(name))
        return SimpleNamespace(input_kind=gives.get(name), tags=tags)

    monkeypatch.setattr(writer, "components", offers.get)
    monkeypatch.setattr(writer, "load", load)
    assert writer.tasks().splitlines()[2:] == [
        "| `recurra-x` | `count` | vectors | all cells except `fold` |",
        "| `recurra-x` | `draw` | graphs | `fold` |",
        "| `recurra-x` | `parse` | token-trees | `fold` |",
        "| `recurra-x` | `spell` | tokens | all cells except `fold` |",
    ]
    offers["cell"].pop()
    assert "| `recurra-x` | `parse` | token-trees | none yet |" in writer.tasks()
    assert "| `recurra-x` | `count` | vectors | all cells |" in writer.tasks()
