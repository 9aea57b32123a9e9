"""Run a loop as compiled C for several networks, each with its own weights, streams and states.

Every network is one call, as if it were run alone; only the calls are made together. So its numbers do not
depend on which others run beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from recurra_engine.cpu.call import NO_SCRATCH, WORTH_A_THREAD, compiled, natural_shape
from recurra_engine.lower.views import as_indexed, laid_out
from recurra_engine.passes.backend import LoopResult
from recurra_engine.passes.program import Loop


def run_each(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int, int],
    lengths: Tensor | None,
) -> LoopResult:
    """Run a loop for P networks, as `call.run` does for one, with P in front of every tensor.

    Args:
        loop: The loop, which calls nothing of torch.
        streams: (P, T, B, ...).
        carried: (P, B, ...).
        shared: (P, ...).
        size: (P, T, B).
        lengths: (P, B), which do not grow from row to row, or None.
    """
    networks, steps, rows = size
    like = carried[0] if carried else streams[0]
    code, library = compiled(loop, like.dtype == torch.float32)
    streams = [_in_order(laid_out(stream, 3), 3) for stream in streams]
    carried = [_in_order(laid_out(tensor, 2), 1) for tensor in carried]
    shared = [_in_order(tensor, 1) for tensor in shared]
    after = [like.new_empty(tensor.shape) for tensor in carried]
    out = [like.new_empty((networks, steps, rows, *natural_shape(node.shape))) for node in loop.out]
    past = (networks, steps + 1, rows)
    kept = [like.new_empty((*past, *natural_shape(loop.carried[i].shape))) for i in loop.kept]
    threads = _threads(size, sum(w[0].numel() for w in shared))
    packed, sums = like.new_empty((threads, code.packed)), like.new_zeros((networks, max(code.sums, 1)))
    ends = None if lengths is None else lengths.to(torch.int64).contiguous()
    at = _addresses([*streams, *shared, *carried, *after, *out, *kept], networks)
    strides = np.array([stride for stream in streams for stride in stream.stride()[1:3]] or [0], np.int64)
    calls = np.zeros((networks, 9), np.int64)  # the fields of `_Call`
    calls[:, 0], calls[:, 1] = steps, rows
    calls[:, 2] = 0 if ends is None else _addresses([ends], networks)[:, 0]
    calls[:, 3] = at.ctypes.data + np.arange(networks) * at.strides[0]
    calls[:, 4] = strides.ctypes.data
    calls[:, 5] = _addresses([packed], threads)[np.arange(networks) % threads, 0]
    calls[:, 6] = _addresses([sums], networks)[:, 0]
    if library.run_each(calls.ctypes.data, networks, threads):
        raise MemoryError(NO_SCRATCH)
    return LoopResult(
        [as_indexed(tensor, node.shape, 3) for tensor, node in zip(out, loop.out, strict=True)],
        [as_indexed(tensor, node.shape, 2) for tensor, node in zip(after, loop.carried, strict=True)],
        _split_sums(sums, loop),
        {i: as_indexed(tensor, loop.carried[i].shape, 3) for i, tensor in zip(loop.kept, kept, strict=True)},
    )


def _in_order(tensor: Tensor, lead: int) -> Tensor:
    """Return a tensor whose parts after `lead` dimensions are contiguous, however these are repeated."""
    first = tensor[(0,) * lead] if tensor.numel() else tensor
    return tensor if first.is_contiguous() else tensor.contiguous()


def _addresses(tensors: Sequence[Tensor], count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return where each network's part of every tensor begins: (count, tensors)."""
    first = np.array([tensor.data_ptr() for tensor in tensors], np.int64)
    apart = np.array([tensor.stride(0) * tensor.element_size() for tensor in tensors], np.int64)
    return first + np.arange(count)[:, None] * apart


def _threads(size: tuple[int, int, int], weights: int) -> int:
    networks, steps, rows = size
    work = networks * steps * rows * (weights + 1000)
    return max(1, min(torch.get_num_threads(), networks, work // WORTH_A_THREAD))


def _split_sums(sums: Tensor, loop: Loop) -> list[Tensor]:
    found, start = [], 0
    for node in loop.sums:
        found.append(sums[:, start : start + node.size].reshape(-1, *node.shape))
        start += node.size
    return found
