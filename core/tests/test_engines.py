"""Engines that others install: asked in order, forced by name, reported when they cannot be loaded."""

import pytest
import torch

from recurra import InvalidOption, sequence
from recurra.plugins import engines
from recurra.plugins.inventory import inventory

ENGINE = """
class Engine:
    levels = ("fast", "{own}")
    asked = []
    def run(self, cell, x, state, lengths):
        self.asked.append("{own}")
        return x + 1, state
    def run_many(self, cell, weights, x, state, lengths):
        return NotImplemented
    def explain(self, cell):
        return None
engine = Engine()
"""
X = torch.zeros(1, 2, 3)


@pytest.fixture
def installed(world, monkeypatch):
    """Return a function that installs engines and returns what came of loading them."""

    def add(dist, source, names=("main",)):
        lines = "".join(f"{name} = {dist.replace('-', '_')}:engine\n" for name in names)
        world.add(dist, source, entry_points=f"[recurra.engines]\n{lines}")
        found = engines.load(inventory([str(world.path)]).engines)
        monkeypatch.setattr(sequence, "engines", lambda: found)
        monkeypatch.delenv("RECURRA_ENGINE", raising=False)
        return found

    return add


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import no_such_module_anywhere", "the engine cannot be used: ModuleNotFoundError"),
        ("import sys; sys.exit(2)", "the engine cannot be used: it calls sys.exit(2)"),
        ("pass", "the engine cannot be used: AttributeError"),
        ("engine = object()", "TypeError: it has no levels and no run and no run_many and no explain"),
        (ENGINE.format(own="own").replace('("fast", "own")', "['a']"), "expected a tuple of names"),
    ],
)
def test_an_engine_that_cannot_be_used_is_reported_and_stops_nobody(installed, source, sentence):
    installed("good-engine", ENGINE.format(own="own"))
    found = installed("bad-engine", source)
    (defect,) = found.defects
    assert str(defect).startswith("bad-engine:main: ")
    assert sentence in str(defect)
    assert list(found.loaded) == ["good-engine"]


def test_a_distribution_has_one_engine(installed):
    found = installed("acme-engine", ENGINE.format(own="own"), names=("one", "two"))
    assert [str(d) for d in found.defects] == [
        "acme-engine:two: the distribution already has an engine, and only one is allowed"
    ]


def test_an_engine_is_asked_before_the_loop_and_may_be_forced(installed):
    found = installed("acme-engine", ENGINE.format(own="own"))
    assert sequence.levels() == ("loop", "fast", "own")
    assert sequence.run(None, X, None)[0].eq(1).all()
    with sequence.using("own"):
        assert sequence.forced_level() == "own"
        sequence.run(None, X, None)
    assert found.loaded["acme-engine"].asked == ["own", "own"]
    with (
        pytest.raises(InvalidOption, match=r"no level 'fats'; .*did you mean 'fast'"),
        sequence.using("fats"),
    ):
        pass


def test_a_level_that_two_engines_have_is_refused_until_it_is_qualified(installed, monkeypatch):
    installed("acme-engine", ENGINE.format(own="one"))
    found = installed("other-engine", ENGINE.format(own="two"))
    assert sequence.levels() == ("loop", "acme-engine:fast", "one", "other-engine:fast", "two")
    told = "several engines have a level 'fast'; write acme-engine:fast or other-engine:fast"
    with pytest.raises(InvalidOption, match=told), sequence.using("fast"):
        pass
    monkeypatch.setenv("RECURRA_ENGINE", "other-engine:fast")
    assert sequence.forced_level() == "fast"
    sequence.run(None, X, None)
    with sequence.using("two"):
        sequence.run(None, X, None)
    assert found.loaded["acme-engine"].asked == []
    assert found.loaded["other-engine"].asked == ["two", "two"]
