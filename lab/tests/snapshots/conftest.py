"""A world that offers the tasks, and a snapshot of one of them."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from recurra import Component
from recurra.plugins import discovery
from recurra_contract import ToyTask
from recurra_lab import write_snapshot

from .snapshot_parts import FEW, Marked


@pytest.fixture
def offered(monkeypatch):
    """A world where one plugin offers these tasks and the toy."""
    targets = {
        "marked": f"{Marked.__module__}:Marked",
        "room": f"{Marked.__module__}:Room",
        "words": f"{Marked.__module__}:Words",
        "toy": f"{ToyTask.__module__}:ToyTask",
    }
    source = SimpleNamespace(dist="recurra-made-up", version="1.0")
    parts = [(source, Component("task", name, target, "made up")) for name, target in targets.items()]
    world = Mock(components=parts, extensions=[], defects=[], inventory=SimpleNamespace(sources=[]))
    monkeypatch.setattr(discovery, "plugins", lambda: world)
    return world


@pytest.fixture
def snapshot(offered, tmp_path):
    return write_snapshot(Marked(), tmp_path / "marked", batches=FEW, batch_size=4, seed=3)
