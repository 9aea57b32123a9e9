"""Run a loop as compiled C."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from recurra_engine.cpu.cache import load
from recurra_engine.cpu.outer import outer
from recurra_engine.cpu.source import Source, source
from recurra_engine.cpu.torch_tasks import CALLBACK, NONE, Callbacks
from recurra_engine.ir.graph import Shape
from recurra_engine.ir.torch_calls import Tape
from recurra_engine.lower.views import as_indexed, laid_out, natural
from recurra_engine.passes.backend import Backend, LoopResult
from recurra_engine.passes.program import Loop

WORTH_A_THREAD = 200_000
"""How many multiplications a thread must have to do; below that starting it costs more."""

NO_SCRATCH = "out of memory for the scratch buffer of a native loop"


class _Call(ctypes.Structure):
    _fields_ = [
        ("steps", ctypes.c_long),
        ("rows", ctypes.c_long),
        ("lengths", ctypes.c_void_p),
        ("at", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("packed", ctypes.c_void_p),
        ("sums", ctypes.c_void_p),
        ("scratch", ctypes.c_void_p),
        ("torch", CALLBACK),
    ]


@lru_cache(maxsize=256)
def compiled(loop: Loop, single: bool) -> tuple[Source, Any]:
    """Return a loop's source and its library: `run` for one network, `run_each` for several."""
    code = source(loop, single=single)
    library = load(code.text, name="loop")
    pointer, number = ctypes.c_void_p, ctypes.c_long
    library.run.argtypes, library.run.restype = [pointer, number, pointer], ctypes.c_int
    library.run_each.argtypes, library.run_each.restype = [pointer, number, number], ctypes.c_int
    return code, library


def run(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int],
    lengths: Tensor | None = None,
    tape: Tape | None = None,
) -> LoopResult:
    """Run a loop, as `scan.run` does; lengths must not grow from row to row."""
    steps, rows = size
    like = carried[0] if carried else streams[0]
    code, library = compiled(loop, like.dtype == torch.float32)
    streams = [_with_rows_in_order(laid_out(stream, 2)) for stream in streams]
    carried = [laid_out(tensor, 1).contiguous() for tensor in carried]
    shared = [tensor.contiguous() for tensor in shared]
    after = [like.new_empty(tensor.shape) for tensor in carried]
    out = [like.new_empty((steps, rows, *natural_shape(node.shape))) for node in loop.out]
    kept = [like.new_empty((steps + 1, rows, *natural_shape(loop.carried[i].shape))) for i in loop.kept]
    splits = [0, rows] if code.calls else _splits(rows, steps, lengths, sum(w.numel() for w in shared))
    threads = len(splits) - 1
    packed = like.new_empty(code.packed)
    sums = like.new_zeros((threads, max(code.sums, 1)))
    pointers = [tensor.data_ptr() for tensor in (*streams, *shared, *carried, *after, *out, *kept)]
    strides = [stride for stream in streams for stride in stream.stride()[:2]]
    scratch = like.new_empty(code.scratch * rows if code.calls else 0)
    callbacks = Callbacks(code.calls, scratch, shared, rows, tape or Tape(()))
    called = CALLBACK(callbacks.run) if code.calls else NONE
    ends = lengths.to(torch.int64).contiguous() if lengths is not None else None
    call = _Call(
        steps,
        rows,
        ends.data_ptr() if ends is not None else None,
        ctypes.cast((ctypes.c_void_p * len(pointers))(*pointers), ctypes.c_void_p),
        ctypes.cast((ctypes.c_long * max(len(strides), 1))(*strides), ctypes.c_void_p),
        packed.data_ptr(),
        sums.data_ptr(),
        scratch.data_ptr() if code.calls else None,
        called,
    )
    if library.run(ctypes.byref(call), threads, (ctypes.c_long * len(splits))(*splits)):
        raise MemoryError(NO_SCRATCH)
    if callbacks.error is not None:
        raise callbacks.error
    return LoopResult(
        [as_indexed(tensor, node.shape, 2) for tensor, node in zip(out, loop.out, strict=True)],
        [as_indexed(tensor, node.shape, 1) for tensor, node in zip(after, loop.carried, strict=True)],
        _split_sums(sums.sum(0), loop),
        {i: as_indexed(tensor, loop.carried[i].shape, 2) for i, tensor in zip(loop.kept, kept, strict=True)},
    )


def natural_shape(shape: Shape) -> list[int]:
    """Return the sizes of a value as it lies in memory."""
    return [shape[d] for d in natural(shape)]


def _with_rows_in_order(stream: Tensor) -> Tensor:
    return stream if stream[0, 0].is_contiguous() else stream.contiguous()


def _splits(rows: int, steps: int, lengths: Tensor | None, weights: int) -> list[int]:
    """Return where each thread's rows begin, and the end: shares of equal work."""
    work = steps * rows if lengths is None else int(lengths.sum())
    threads = max(1, min(torch.get_num_threads(), rows, work * (weights + 1000) // WORTH_A_THREAD))
    if threads == 1 or lengths is None:
        return [rows * i // threads for i in range(threads + 1)]
    done = lengths.cumsum(0)
    inner = [int((done < work * i / threads).sum()) for i in range(1, threads)]
    return [0, *inner, rows]


def _split_sums(sums: Tensor, loop: Loop) -> list[Tensor]:
    found, start = [], 0
    for node in loop.sums:
        found.append(sums[start : start + node.size].view(node.shape))
        start += node.size
    return found


def unsupported_reason(x: Tensor) -> str | None:
    """Return why inputs like x cannot be run here, or None."""
    return None if x.device.type == "cpu" else f"it supports CPUs only, and x is on {x.device}"


BACKEND = Backend(run, outer, moves_products=False)
