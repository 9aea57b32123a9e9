"""The public names: listed once, importable, and never hidden by a module of the same name."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

import recurra


@pytest.mark.parametrize("name", recurra.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(recurra, name) is not None


def test_no_module_hides_a_public_name():
    # A module that is imported becomes an attribute of its package, and takes the name's place.
    assert [name for name in recurra.__all__ if find_spec(f"recurra.{name}")] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'recurra' has no attribute 'Cel'"):
        getattr(recurra, "Cel")  # noqa: B009 - the name is looked up for its error


def printed(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_hooks_are_imported_without_torch():
    slow = "('torch', 'importlib.metadata', 'recurra_lab')"
    code = (
        f"import sys; from recurra import Component, hookimpl; print([n for n in {slow} if n in sys.modules])"
    )
    assert printed(code) == "[]\n"


def test_names_of_another_package_are_found_and_imported_when_they_are_used():
    import recurra_lab

    assert (recurra.train, recurra.load) == (recurra_lab.train, recurra_lab.load)
    assert recurra.Experiment is recurra_lab.Experiment


def test_a_name_whose_package_is_not_installed_says_what_to_install():
    code = """
import importlib.metadata
importlib.metadata.entry_points = lambda **asked: []
import recurra
print("Cell" in recurra.__all__, "train" in dir(recurra))
try:
    from recurra import train
except ImportError as error:
    print(error)
"""
    sentence = "recurra.train comes with another package; install it with: pip install recurra-lab"
    assert printed(code) == f"True False\n{sentence}\n"
