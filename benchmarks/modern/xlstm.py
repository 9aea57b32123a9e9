"""The cells of the xLSTM against the modules in plain torch of the package xlstm."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]
HEADS = 4


def slstm(width: int) -> Run:
    """Build the sLSTM cell of xlstm in plain torch, behind the linear layer that drives it."""
    module = importlib.import_module("xlstm.blocks.slstm.cell")
    config = module.sLSTMCellConfig(
        hidden_size=width, num_heads=HEADS, backend="vanilla", dtype="float32", dtype_b="float32"
    )
    gates, cell = nn.Linear(width, 4 * width), module.sLSTMCell(config)
    return lambda x: cell(gates(x))[0].transpose(1, 2).flatten(2)


def mlstm(name: str) -> Callable[[int], Run]:
    """Return what builds the projections of an mLSTM around a function of xlstm."""

    def build(width: int) -> Run:
        function = getattr(importlib.import_module("xlstm.blocks.mlstm.backends"), name)
        vectors, gates = nn.Linear(width, 4 * width), nn.Linear(width, 2 * HEADS)

        def run(x: Tensor) -> Tensor:
            *qkv, o = vectors(x).chunk(4, -1)
            q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in qkv)
            i, f = gates(x).transpose(1, 2).unsqueeze(-1).chunk(2, 1)
            h = rms_norm(function(q, k, v, i, f).transpose(1, 2), (width // HEADS,))
            return torch.sigmoid(o) * h.flatten(2)

        return run

    return build


def ours(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """Return what builds one of our cells."""
    return lambda width: load("cell", name)(width, heads=HEADS, **options)


def our_mlstm(width: int) -> nn.Module:
    """Build our mLSTM, whose heads share its width."""
    return ours("mlstm", key_size=width // HEADS, value_size=width // HEADS)(width)


ROWS = [
    ("`slstm`, xlstm", lambda width: ours("slstm", hidden_size=width, norm=False)(width), slstm),
    ("`mlstm`, xlstm, all steps at once", our_mlstm, mlstm("parallel_stabilized_simple")),
]
NOTES = (
    "`mlstm` is below 3 at 100 steps. There the peer takes all steps at once, by products of matrices"
    " whose cost grows with the square of the length. In a profile of our training step at (100, 32,"
    " 128), 85 % of the time lies in the compiled passes over the sequence: 48 % forward and 37 %"
    " backward."
)
"""Where a row is below 3, and where the time goes."""
