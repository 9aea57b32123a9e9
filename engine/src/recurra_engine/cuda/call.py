"""Run a loop on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from recurra_engine import eager
from recurra_engine.cuda.buffers import Inputs
from recurra_engine.cuda.cuda_graphs import Graphs
from recurra_engine.cuda.expressions import LACKS
from recurra_engine.cuda.jit import missing
from recurra_engine.cuda.launch import launch_each
from recurra_engine.cuda.program import program
from recurra_engine.ir.torch_calls import Tape
from recurra_engine.passes.backend import Backend, LoopResult
from recurra_engine.passes.program import Loop

graphs = Graphs()


def run(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int],
    lengths: Tensor | None = None,
    tape: Tape | None = None,
) -> LoopResult:
    """Run a loop, as `eager.run` does."""
    like = (*carried, *streams)[0]
    made = program(loop, like.dtype, ragged=lengths is not None)
    given = Inputs(streams, carried, shared, lengths)
    with torch.no_grad(), _current(like.device):
        if like.is_cuda and not made.at_once:
            return graphs.run(made, given, size, like.device)
        return launch_each(made, given, size, like.device)


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the one on which Triton launches, whichever it was."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def unsupported_reason(x: Tensor) -> str | None:
    """Return why inputs like x cannot be run here, or None."""
    return missing() if x.device.type == "cuda" else f"it supports CUDA only, and x is on {x.device}"


BACKEND = Backend(run, eager.outer, moves_products=True, lacks=LACKS)
