"""Seeds made of words, so that what is drawn depends on what it is for, and on nothing that came before."""

from __future__ import annotations

import hashlib

import torch


def seed_of(*words: object) -> int:
    """Return a seed that depends on all words: the same in every process and on every machine."""
    # Escaped, so that ("a:b", "c") and ("a", "b:c") are two seeds.
    text = ":".join(str(word).replace("\\", "\\\\").replace(":", "\\:") for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator_of(*words: object) -> torch.Generator:
    """Return a generator on the CPU with that seed."""
    return torch.Generator().manual_seed(seed_of(*words))
