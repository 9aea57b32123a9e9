"""What the tests of the device level share."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toys():
    """The module of cells that between them need every kind of kernel."""
    spec = importlib.util.spec_from_file_location("device_toys", Path(__file__).with_name("toys.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["device_toys"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["device_toys"]
