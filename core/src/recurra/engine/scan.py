"""The level that needs no compiler: the loop over steps with torch, its gradient derived and not recorded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recurra.engine.backend import Backend, Ran
from recurra.engine.program import Loop


def run(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int],
    lengths: Tensor | None = None,
) -> Ran:
    """Run a loop.

    Args:
        loop: What is done at every step.
        streams: (T, B, ...), read at every step.
        carried: (B, ...), where the first step starts.
        shared: What all steps read.
        size: T and B.
        lengths: (B,) steps that count in each row; the others leave what is carried alone and store zeros.
    """
    steps, like = size[0], carried[0] if carried else streams[0]
    n, m = len(loop.after), len(loop.out)
    carried = list(carried)
    stored: list[list[Tensor]] = [[] for _ in loop.out]
    before: dict[int, list[Tensor]] = {i: [] for i in loop.kept}
    sums = [like.new_zeros(node.shape) for node in loop.sums]
    for t in reversed(range(steps)) if loop.reverse else range(steps):
        for i, history in before.items():
            history.append(carried[i])
        results = loop.plan([*carried, *(stream[t] for stream in streams), *shared], like)
        results = [_per_row(r, node.shape, size[1]) for r, node in zip(results, _results(loop), strict=True)]
        if lengths is not None:
            idle = [*carried, *(torch.zeros_like(r) for r in results[n:])]
            results = [_where(t < lengths, r, other) for r, other in zip(results, idle, strict=True)]
        carried = results[:n]
        for values, value in zip(stored, results[n : n + m], strict=True):
            values.append(value)
        sums = [total + value.sum(0) for total, value in zip(sums, results[n + m :], strict=True)]
    kept = {i: torch.stack([*history, carried[i]]) for i, history in before.items()}
    order = slice(None, None, -1) if loop.reverse else slice(None)
    return Ran([torch.stack(values[order]) for values in stored], carried, sums, kept)


def _results(loop: Loop) -> tuple[object, ...]:
    return (*loop.after, *loop.out, *loop.sums)


def _per_row(value: Tensor, shape: tuple[int, ...], rows: int) -> Tensor:
    return value if value.dim() > len(shape) else value.expand(rows, *shape)


def _where(live: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(live.view(-1, *[1] * (new.dim() - 1)), new, old)


def outer(a: Tensor, g: Tensor) -> Tensor:
    """Return sum of a^T g over rows: (R, K), (R, J) -> (K, J)."""
    return a.mT @ g


BACKEND = Backend(run, outer, moves_products=True)
