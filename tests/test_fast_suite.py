"""The costly checks of the contract are bounded in the fast tests, and the default forms come first."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from recurra_contract.kit import Check, checks
from recurra_contract.parametrize import Shown


@pytest.fixture
def settings(pytestconfig):
    """The root's conftest.py."""
    return pytestconfig.pluginmanager.get_plugin(str(Path(__file__).parents[1] / "conftest.py"))


class Item:
    """A test of one check."""

    def __init__(self, function, name):
        self.nodeid = name
        self.callspec = SimpleNamespace(params={"check": Shown(Check(function, None))}, id=name)
        self.slow = False

    def add_marker(self, mark):
        assert mark.name == "slow"
        self.slow = True


def test_what_is_costly_exists(settings):
    assert set(settings.COSTLY) <= {check.__name__ for check in checks("cell")}


def test_of_a_costly_check_few_are_fast_and_default_forms_come_first(settings):
    named = {check.__name__: check for check in checks("cell")}
    export = named["check_export"]
    forms = [Item(export, f"form {n}-check_export") for n in range(settings.MOST)]
    defaults = [Item(export, "check_export") for _ in range(5)]
    cheap = [Item(named["check_shapes"], f"form {n}-check_shapes") for n in range(2 * settings.MOST)]
    settings.pytest_collection_modifyitems([*forms, *defaults, *cheap])
    assert not any(item.slow for item in (*defaults, *cheap))
    assert sum(not item.slow for item in forms) == settings.MOST - 5


def test_every_check_has_the_same_forms(settings):
    functions = {check.__name__: check for check in checks("cell")}
    names = [f"form {n}" for n in range(2 * settings.MOST)]
    items = {
        check: [Item(functions[check], f"test[{name}-{check}]") for name in names]
        for check in settings.COSTLY
    }
    settings.pytest_collection_modifyitems([item for found in items.values() for item in found])
    first, *others = ([item.slow for item in found] for found in items.values())
    assert first.count(False) == settings.MOST
    assert all(other == first for other in others)
