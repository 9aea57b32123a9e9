"""The public names, each of which comes from another file of the package."""

import pkgutil
import types

import recurra


def test_no_public_name_is_hidden_by_a_submodule():
    modules = {module.name for module in pkgutil.iter_modules(recurra.__path__)}
    assert modules.isdisjoint(recurra.__all__)


def test_every_public_name_is_there():
    modules = {name for name in recurra.__all__ if isinstance(getattr(recurra, name), types.ModuleType)}
    assert modules == {"files", "torch_weights"}
