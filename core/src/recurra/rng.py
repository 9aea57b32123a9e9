"""Seeds derived from words, so that random numbers depend on their purpose, not on previous draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_of(*words: object) -> int:
    """Return a seed that depends on all words: the same in every process and on every machine."""
    # Escaped, so that ("a:b", "c") and ("a", "b:c") are two seeds.
    text = ":".join(str(word).replace("\\", "\\\\").replace(":", "\\:") for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_of(*words: object) -> torch.Generator:
    """Return a generator on the CPU with that seed."""
    return torch.Generator().manual_seed(seed_of(*words))


@contextmanager
def preserve_rng_state() -> Iterator[None]:
    """Restore the states of torch's generators on exit."""
    # Before CUDA is used it has drawn nothing, and to initialise it would keep processes from forking.
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(range(torch.cuda.device_count()) if used else ()):
        yield


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Redirect draws from torch's default generator to this one, of the same device.

    The default generator does not advance.
    """
    default = _default_generator(generator.device)
    before = default.get_state()
    default.set_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(default.get_state())
        default.set_state(before)


def _default_generator(device: torch.device) -> torch.Generator:
    if device.type == "cpu":
        return torch.default_generator
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return torch.cuda.default_generators[device.index or 0]
