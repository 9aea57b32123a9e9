"""What all tests share: one thread, determinism, no network, and no deadline on a busy machine."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
# Compiling takes a second per step; what is tested at every level of the engine says so itself.
os.environ.setdefault("RECURRA_ENGINE", "loop")

import hypothesis
import pytest

hypothesis.settings.register_profile("recurra", deadline=None)
hypothesis.settings.load_profile("recurra")


@pytest.fixture(autouse=True, scope="session")
def one_thread_and_no_chance() -> None:
    """One thread is faster for small networks; deterministic mode also fills `torch.empty` with NaN."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
