"""What all tests share: one thread, determinism, no network, no deadline, and which checks are slow."""

import os
from collections import defaultdict

os.environ["HF_HUB_OFFLINE"] = "1"
# Compiling takes a second per step; what is tested at every level of the engine says so itself.
os.environ.setdefault("RECURRA_ENGINE", "loop")

import hypothesis
import pytest

hypothesis.settings.register_profile("recurra", deadline=None)
hypothesis.settings.load_profile("recurra")

COSTLY = (
    "check_export",
    "check_extremes",
    "check_windows_are_cut",
    "check_forward_equals_steps",
    "check_gradients_equal_steps",
)
"""Checks of a cell that export, compile or take thousands of steps: a second each, not milliseconds."""
MOST = 30
"""Of each costly check, the fast tests run so many, however many plugins there are."""


@pytest.fixture(autouse=True, scope="session")
def one_thread_and_no_chance() -> None:
    """One thread is faster for small networks; deterministic mode also fills `torch.empty` with NaN."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark costly checks beyond the first `MOST` as slow; a component's default form comes before others."""
    from recurra.testing.selection import order

    costly = defaultdict(list)
    for item in items:
        if checked(item) in COSTLY:
            costly[checked(item)].append(item)
    for check, found in costly.items():
        found.sort(key=lambda item: (item.callspec.id != check, order(item.nodeid)))
        for item in found[MOST:]:
            item.add_marker(pytest.mark.slow)


def checked(item: pytest.Item) -> str | None:
    """Return the name of the check of an installed component that a test runs."""
    from recurra.testing.parameters import Shown

    shown = item.callspec.params.get("check") if hasattr(item, "callspec") else None
    return shown.check.name if isinstance(shown, Shown) else None
