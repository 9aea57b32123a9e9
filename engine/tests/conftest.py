"""Tests of the engine share a folder of compiled steps, some small cells, and a way to compare levels."""

import importlib.util
import sys
from pathlib import Path

import pytest


def beside(name):
    """Import a module that lies beside the tests, which are no package (ADR 8)."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


HELPERS = ("toys", "cells", "calling", "operators", "constructs", "compare", "graphs", "grid")
for _name in HELPERS:
    beside(f"engine_{_name}")  # at once, since tests are made for each of their cells and functions


@pytest.fixture(autouse=True, scope="session")
def compiled_steps(tmp_path_factory):
    """Compile into a folder of this test run, so that no test passes because of what an earlier one left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECURRA_CACHE", str(tmp_path_factory.mktemp("compiled")))
        yield
