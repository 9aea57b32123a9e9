"""Synthetic tables, with which every task can be tried before there is a file."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from recurra import generator_of
from recurra_own_data.table import Table

NUMBER = 240
SHORTEST, LONGEST = 20, 40


@functools.cache
def waves() -> Table:
    """Return noisy waves of random phase, and their shapes."""
    rng = generator_of("own-data", "waves")
    names = ("saw-tooth", "sine", "square")
    labels = [names[row % len(names)] for row in range(NUMBER)]
    values = [_noisy(_wave(label, rng), rng) for label in labels]
    return _table("waves", {"values": values, "label": labels})


@functools.cache
def slopes() -> Table:
    """Return noisy lines, and their slopes."""
    rng = generator_of("own-data", "slopes")
    targets = torch.empty(NUMBER).uniform_(-1, 1, generator=rng).tolist()
    values = [_noisy(slope * torch.linspace(0, 1, _length(rng)), rng) for slope in targets]
    return _table("slopes", {"values": values, "target": targets})


@functools.cache
def switches() -> Table:
    """Return rare pulses, each of which switches something on or off, and what it then is."""
    rng = generator_of("own-data", "switches")
    pulses = [(torch.rand(_length(rng), generator=rng) < 0.2).long() for _ in range(NUMBER)]
    tags = [["on" if x % 2 else "off" for x in sequence.cumsum(0).tolist()] for sequence in pulses]
    return _table("switches", {"values": [x.double().tolist() for x in pulses], "tags": tags})


def _length(rng: torch.Generator) -> int:
    return int(torch.randint(SHORTEST, LONGEST + 1, (), generator=rng))


def _wave(label: str, rng: torch.Generator) -> Tensor:
    phase = torch.arange(_length(rng)) / 10 + torch.rand((), generator=rng)
    if label == "saw-tooth":
        return 2 * (phase % 1) - 1
    sine = torch.sin(2 * torch.pi * phase)
    return sine.sign() if label == "square" else sine


def _noisy(x: Tensor, rng: torch.Generator) -> list[float]:
    noisy: list[float] = (x + 0.1 * torch.randn(x.shape, generator=rng)).tolist()
    return noisy


def _table(name: str, columns: Mapping[str, Sequence[Any]]) -> Table:
    return Table(f"the synthetic table '{name}'", columns)
