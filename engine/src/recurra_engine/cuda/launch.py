"""The launches of a sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra_engine.cuda.buffers import Inputs, Places
from recurra_engine.cuda.codegen import Source
from recurra_engine.cuda.jit import built
from recurra_engine.cuda.program import Program
from recurra_engine.lower.layout import Task
from recurra_engine.passes.backend import LoopResult


def launch_each(program: Program, given: Inputs, size: tuple[int, int], device: torch.device) -> LoopResult:
    """Run a program by one launch after the other."""
    places = Places(program, size, device)
    places.hold(given)
    places.start(given)
    launch(places)
    return places.results()


def launch(places: Places) -> None:
    """Run all steps."""
    program, steps = places.program, places.size[0]
    if program.at_once:
        (kernel, _), *_ = program.steps
        assert kernel is not None
        _launch(kernel, places, 0, steps)
        return
    for k in range(steps):
        for kernel, products in program.steps:
            if kernel is not None:
                _launch(kernel, places, k, k + 1)
            for product in products:
                _multiply(product, places, k)


def _launch(kernel: Source, places: Places, first: int, last: int) -> None:
    steps, rows = places.size
    buffers = [places.tensors[name] for name in kernel.buffers]
    function: Any = built(kernel.text)[(rows, kernel.blocks)]
    # a * b + c is rounded once, as a GPU does it; Triton wants to be told.
    options = {"num_warps": kernel.warps, "enable_fp_fusion": True}
    function(*buffers, places.lengths, first, last, steps, rows, **options)


def _multiply(task: Task, places: Places, k: int) -> None:
    views = places.program.layout.views
    a, w = (views[arg] for arg in task.args)
    z, i, n = task.args[0].shape
    left = _matrices(places.rows(a.storage.name, k), a.offset, a.layout.stride(), (z, i, n))
    right = _matrices(
        places.rows(task.target.storage.name, k),
        task.target.offset,
        task.target.layout.stride(),
        task.node.shape,
    )
    matrix = places.tensors[w.storage.name]
    weights = matrix.as_strided(w.layout.shape, w.layout.stride(), w.offset)
    for m in range(z):
        for row in range(i):
            torch.mm(left[:, m, row], weights[m], out=right[:, m, row])


def _matrices(rows: Tensor, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """Return rows (B, n) as (B, *shape)."""
    begin = int(rows.storage_offset()) + offset
    return rows.as_strided((rows.shape[0], *shape), (rows.stride(0), *strides), begin)
