"""A cache of each test alone."""

import shutil

import pytest

from recurra_engine.cpu import cache as toolchain
from recurra_engine.cpu import folder as folders

from .toolchain_parts import forget


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of this test alone; nothing of this process or its environment goes in or comes out."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("needs a C compiler")
    known = dict(toolchain._loaded)
    forget()
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    yield tmp_path / "cache" / "native"
    for made in folders._private.values():
        shutil.rmtree(made, ignore_errors=True)
    forget()
    toolchain._loaded.update(known)


@pytest.fixture
def compiled(monkeypatch):
    """The names of all that is compiled."""
    names, compile_to = [], toolchain.compile_to

    def noting(made, source, compiler, name):
        names.append(name)
        compile_to(made, source, compiler, name)

    monkeypatch.setattr(toolchain, "compile_to", noting)
    return names
