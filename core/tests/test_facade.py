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


def test_hooks_are_imported_without_torch():
    code = "import sys; from recurra import Component, hookimpl; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
