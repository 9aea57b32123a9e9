"""The echo state network against reservoirpy, which computes with NumPy and SciPy and has no gradients."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]


def ours(width: int) -> nn.Module:
    """Build our reservoir with a tenth of the connections."""
    return load("cell", "leaky-echo-state")(width, hidden_size=width, leak=0.5)


def reservoirpy(width: int) -> Run:
    """Build the reservoir of reservoirpy, of 32-bit numbers."""
    nodes: Any = importlib.import_module("reservoirpy.nodes")
    node = nodes.Reservoir(width, lr=0.5, sr=0.9, dtype="float32", seed=0)

    def run(x: Tensor) -> Tensor:
        # Each sequence of a batch starts anew; the package has no batches, but runs a list one by one.
        return torch.stack([torch.from_numpy(y) for y in node.run(list(x.detach().numpy()))])

    return run


ROWS = [("`leaky-echo-state`, reservoirpy", ours, reservoirpy)]
TRAINS = False
"""The weights are fixed, and the peer has no gradients: only inference is compared."""
