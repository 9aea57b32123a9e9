"""State space models against mambapy, s5-pytorch and recurrentgemma."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from torch import Tensor, arange, nn

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]


def ours(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """Return what builds one of our cells."""
    return lambda width: load("cell", name)(width, hidden_size=width, **options)


def mambapy(width: int) -> Run:
    """Build a block of mambapy, which scans all steps at once.

    Its loop over steps is much slower in training, and somewhat faster in inference.
    """
    module = importlib.import_module("mambapy.mamba")
    return module.MambaBlock(module.MambaConfig(d_model=width, n_layers=1))


def s5(width: int) -> Run:
    """Build a layer of s5-pytorch with width / 2 complex numbers in its state, an associative scan."""
    return importlib.import_module("s5").S5(width, state_width=width // 2)


def rg_lru(width: int) -> Run:
    """Build the torch layer of recurrentgemma behind a linear layer, as our cell has it."""
    module = importlib.import_module("recurrentgemma.torch.layers")
    linear, layer = nn.Linear(width, width), module.RGLRU(width, 8)
    return lambda x: layer(linear(x), arange(x.shape[1]).repeat(len(x), 1))[0]


ROWS = [
    ("`mamba`, mambapy", ours("mamba"), mambapy),
    ("`s5`, s5-pytorch", lambda width: ours("s5", state_size=width)(width), s5),
    ("`rg-lru`, recurrentgemma", ours("rg-lru"), rg_lru),
]
