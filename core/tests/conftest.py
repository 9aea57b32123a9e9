"""A world of made-up distributions, so that tests of discovery see their own plugins and no others."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest

from recurra import discovery
from recurra.inventory import ALLOW, BLOCK, FILES, inventory
from recurra.testing.forked import Forked

PLUGIN = """
from recurra.hooks import Component, hookimpl

@hookimpl
def recurra_components():
    return [Component({kind!r}, {name!r}, {target!r}, 'made up')]
"""


class World:
    """A folder of distributions that is put on `sys.path`, and commands that see these alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dists: list[str] = []

    def add(
        self, dist, source, *, entry_points=None, requires=("recurra-core>=0.1",), version="1.0", folder=None
    ) -> str:
        """Install a distribution with one module of this source and return the module's name."""
        module = dist.replace("-", "_")
        folder = folder or self.path
        (folder / f"{module}.py").write_text(dedent(source))
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Name: {dist}", f"Version: {version}", f"Summary: {dist} is made up"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        info.joinpath("METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
        info.joinpath("entry_points.txt").write_text(entry_points or f"[recurra]\nmain = {module}\n")
        self.dists.append(dist)
        return module

    def add_good(
        self, dist="good-cells", kind="cell", name="good", target="good_target:Good", **options
    ) -> str:
        """Install a plugin that is sound."""
        return self.add(dist, PLUGIN.format(kind=kind, name=name, target=target), **options)

    def plugins(self) -> discovery.Plugins:
        """Return this world's plugins, freshly loaded."""
        return discovery.Plugins(inventory([str(self.path)]))

    def command(self, *args, **env) -> "subprocess.CompletedProcess[str]":
        """Run the shell in a process that sees this world's distributions only."""
        return self.python("-m", "recurra", *args, **env)

    def python(self, *args, **env) -> "subprocess.CompletedProcess[str]":
        """Run Python in a process that sees this world's distributions only."""
        visible = {"PYTHONPATH": str(self.path), ALLOW: ",".join(self.dists) or "none"}
        return subprocess.run(
            [sys.executable, *args],
            env={**os.environ, **visible, **env},
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty world; what it imports is forgotten afterwards."""
    for variable in (ALLOW, BLOCK, FILES):
        monkeypatch.delenv(variable, raising=False)
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    before = set(sys.modules)
    made = World(path)
    monkeypatch.setattr(discovery, "plugins", made.plugins)
    yield made
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="session")
def made_up():
    """The module of made-up parts, under the name by which its components are imported."""
    spec = importlib.util.spec_from_file_location("made_up", Path(__file__).with_name("made_up.py"))
    module = sys.modules["made_up"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["made_up"]


@pytest.fixture
def parts(made_up, monkeypatch):
    """A world in which the made-up parts are installed, and nothing else."""
    source = SimpleNamespace(dist="recurra-made-up", version="1.0")
    world = SimpleNamespace(
        components=[(source, component) for component in made_up.COMPONENTS],
        defects=[],
        inventory=SimpleNamespace(sources=[]),
    )
    monkeypatch.setattr(discovery, "plugins", lambda: world)
    return made_up


@pytest.fixture(scope="session")
def forked():
    """Return what starts processes that have imported everything."""
    return Forked()


@pytest.fixture
def forked_runs(forked, monkeypatch):
    """The runs that a reproduction or a sweep starts are forked, which spares each the imports."""
    from recurra.reproduction import seeds

    def run(command, *, stdout, stderr, check):
        assert command[:3] == [sys.executable, "-m", "recurra"]
        return SimpleNamespace(returncode=forked.finish(command[3:], output=Path(stdout.name)))

    monkeypatch.setattr(seeds, "subprocess", SimpleNamespace(run=run))
