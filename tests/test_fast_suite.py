"""The checks of the contract are bounded in the fast tests, and the default forms come first."""

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


@pytest.mark.parametrize("check", ["check_export", "check_shapes"])
def test_few_of_a_check_are_fast_and_default_forms_come_first(settings, check):
    function = {check.__name__: check for check in checks("cell")}[check]
    most = settings.MOST_COSTLY if check in settings.COSTLY else settings.MOST
    forms = [Item(function, f"form {n}-{check}") for n in range(most)]
    defaults = [Item(function, check) for _ in range(5)]
    settings.pytest_collection_modifyitems([*forms, *defaults])
    assert not any(item.slow for item in defaults)
    assert sum(not item.slow for item in forms) == most - 5


def test_every_costly_check_has_the_same_forms(settings):
    functions = {check.__name__: check for check in checks("cell")}
    names = [f"form {n}" for n in range(2 * settings.MOST_COSTLY)]
    items = {
        check: [Item(functions[check], f"test[{name}-{check}]") for name in names]
        for check in settings.COSTLY
    }
    settings.pytest_collection_modifyitems([item for found in items.values() for item in found])
    first, *others = ([item.slow for item in found] for found in items.values())
    assert first.count(False) == settings.MOST_COSTLY
    assert all(other == first for other in others)
