"""Cells in continuous time against ncps and torchrecurrent."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]


def ours(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """Return what builds one of our cells."""
    return lambda width: load("cell", name)(width, hidden_size=width, **options)


def layer(package: str, name: str, **options: Any) -> Callable[[int], Run]:
    """Return what builds a layer of another package."""

    def build(width: int) -> Run:
        module = getattr(importlib.import_module(package), name)(width, width, batch_first=True, **options)
        return lambda x: module(x)[0]

    return build


def cfc(width: int) -> nn.Module:
    """Build our CfC with the backbone that ncps has by default."""
    return ours("cfc", backbone_units=128)(width)


ROWS = [
    ("`cfc`, ncps", cfc, layer("ncps.torch", "CfC", backbone_units=128, backbone_layers=1)),
    ("`ltc`, ncps", ours("ltc"), layer("ncps.torch", "LTC")),
    ("`lem`, torchrecurrent", ours("lem"), layer("torchrecurrent", "LEM")),
    ("`co-rnn`, torchrecurrent", ours("co-rnn"), layer("torchrecurrent", "coRNN")),
]
