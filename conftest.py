"""What all tests share: one thread, determinism, no network, worlds of synthetic plugins, slow checks."""

import os
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for processes that tests start
# Compiling takes a second per step; what is tested at every level of the engine says so itself.
os.environ.setdefault("RECURRA_ENGINE", "loop")

os.environ["RECURRA_DEFAULTS"] = ""  # the user's own recurra.toml is not read

import hypothesis
import pytest

from forked import Forked
from recurra.plugins import discovery
from recurra.plugins.inventory import ALLOW, BLOCK, FILES, inventory
from selection import order

hypothesis.settings.register_profile("recurra", deadline=None)
hypothesis.settings.load_profile("recurra")

COSTLY = (
    "check_export",
    "check_extremes",
    "check_windows_are_cut",
    "check_forward_equals_steps",
    "check_gradients_equal_steps",
    "check_resets",
    "check_no_gradient_crosses_resets",
    "check_states",
    "check_gradients_of_states",
)
"""Checks of a cell that export, compile or take thousands of steps: a second each, not milliseconds."""
MOST_COSTLY, MOST = 8, 40
"""Of each check, the fast tests run so many, however many plugins there are."""


@pytest.fixture(autouse=True, scope="session")
def one_thread_and_no_chance() -> None:
    """One thread is faster for small networks; deterministic mode also fills `torch.empty` with NaN."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


PLUGIN = """
from recurra import Component, hookimpl

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


@pytest.fixture
def durably_written(monkeypatch):
    """The paths of the files that were written durably: as a whole, under another name at first."""
    paths, replace = set(), os.replace

    def noted(source, target):
        paths.add(Path(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    return paths


@pytest.fixture
def private_umask():
    """A umask that lets the group read and nobody else."""
    before = os.umask(0o027)
    yield
    os.umask(before)


class MadeUpPlugins(SimpleNamespace):
    """Stands for `discovery.Plugins`, and like them is one key of a cache."""

    __hash__ = object.__hash__


@pytest.fixture
def parts(monkeypatch):
    """A world in which the made-up parts are installed, and nothing else."""
    import synthetic

    source = SimpleNamespace(dist="recurra-made-up", version="1.0")
    world = MadeUpPlugins(
        components=[(source, component) for component in synthetic.COMPONENTS],
        extensions=[],
        defects=[],
        inventory=SimpleNamespace(sources=[]),
    )
    monkeypatch.setattr(discovery, "plugins", lambda: world)
    return synthetic


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark checks beyond the first `MOST` of their name as slow; default forms come before others.

    Every costly check has the same forms, since a form's checks share compiled steps.
    """
    checks = defaultdict(list)
    for item in items:
        if name := checked(item):
            checks[name].append(item)
    for check, found in checks.items():
        found.sort(key=partial(precedence, check=check))
        for item in found[MOST_COSTLY if check in COSTLY else MOST :]:
            item.add_marker(pytest.mark.slow)


def precedence(item: pytest.Item, check: str) -> tuple[bool, bytes]:
    """Return what to sort by: default forms first, then the hash of test and form."""
    return item.callspec.id != check, order(item.nodeid.removesuffix(f"{check}]"))


def checked(item: pytest.Item) -> str | None:
    """Return the name of the check of an installed component that a test runs."""
    from recurra_contract.parametrize import Shown

    shown = item.callspec.params.get("check") if hasattr(item, "callspec") else None
    return shown.check.name if isinstance(shown, Shown) else None


@pytest.fixture(scope="session")
def forked():
    """Return what starts processes that have imported everything."""
    return Forked()


@pytest.fixture
def forked_runs(forked, monkeypatch):
    """The runs that a reproduction or a sweep starts are forked, which spares each the imports."""
    from recurra_lab.runs import seed_runs

    def run(command, *, stdout, stderr, env, check):
        assert command[:4] == [sys.executable, "-P", "-m", "recurra"]
        assert env["RECURRA_DEFAULTS"] == ""
        return SimpleNamespace(returncode=forked.finish(command[4:], output=Path(stdout.name)))

    monkeypatch.setattr(seed_runs, "subprocess", SimpleNamespace(run=run))
