"""Run a loop on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from recurra.engine import scan
from recurra.engine.backend import Backend, Ran
from recurra.engine.device.build import missing
from recurra.engine.device.graphs import Graphs
from recurra.engine.device.places import Inputs
from recurra.engine.device.program import program
from recurra.engine.device.steps import eager
from recurra.engine.program import Loop

graphs = Graphs()


def run(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int],
    lengths: Tensor | None = None,
) -> Ran:
    """Run a loop, as `scan.run` does."""
    like = (*carried, *streams)[0]
    made = program(loop, like.dtype, ragged=lengths is not None)
    given = Inputs(streams, carried, shared, lengths)
    with torch.no_grad(), _current(like.device):
        if like.is_cuda and not made.at_once:
            return graphs.run(made, given, size, like.device)
        return eager(made, given, size, like.device)


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the one on which Triton launches, whichever it was."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def obstacle(x: Tensor) -> str | None:
    """Return why inputs like x cannot be run here, or None."""
    return missing() if x.device.type == "cuda" else f"it is for CUDA, and x is on {x.device}"


BACKEND = Backend(run, scan.outer, moves_products=True)
