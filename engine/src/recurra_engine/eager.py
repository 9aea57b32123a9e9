"""The level that needs no compiler: the loop over steps with torch, its gradient derived and not recorded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recurra_engine.ir.torch_calls import Tape
from recurra_engine.passes.backend import Backend, LoopResult
from recurra_engine.passes.program import Loop


def run(
    loop: Loop,
    streams: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    size: tuple[int, int],
    lengths: Tensor | None = None,
    tape: Tape | None = None,
) -> LoopResult:
    """Run a loop; see `Backend.run`."""
    steps, like = size[0], (*carried, *streams)[0]
    n, m = len(loop.after), len(loop.out)
    carried = list(carried)
    kept = {i: [carried[i]] for i in loop.kept}
    stored: list[list[Tensor]] = []
    sums = [like.new_zeros(node.shape) for node in loop.sums]
    # What torch is called for may fail on what stands for rows that have ended.
    going = _going(lengths, steps) if lengths is not None and loop.calls_torch else None
    for t in reversed(range(steps)) if loop.reverse else range(steps):
        given = [*carried, *(stream[t] for stream in streams)]
        results = (
            _step(loop, given, shared, like, size[1])
            if going is None
            else _of_some(loop, given, shared, like, going[t])
        )
        after = results[:n]
        if lengths is not None:
            live = t < lengths
            results = [_where(live, result, torch.zeros_like(result)) for result in results]
            after = [_where(live, new, old) for new, old in zip(after, carried, strict=True)]
        for i, history in kept.items():
            history.append(results[i])
        carried = after
        stored.append(results[n : n + m])
        sums = [total + value.sum(0) for total, value in zip(sums, results[n + m :], strict=True)]
    in_time = stored[::-1] if loop.reverse else stored
    out = [torch.stack(values) for values in zip(*in_time, strict=True)]
    return LoopResult(out, carried, sums, {i: torch.stack(history) for i, history in kept.items()})


def _step(
    loop: Loop, given: Sequence[Tensor], shared: Sequence[Tensor], like: Tensor, rows: int
) -> list[Tensor]:
    nodes = (*loop.after, *loop.out, *loop.sums)
    results = zip(loop.plan([*given, *shared], like), nodes, strict=True)
    return [r if r.dim() > len(node.shape) else r.expand(rows, *node.shape) for r, node in results]


def _going(lengths: Tensor, steps: int) -> list[int]:
    """Return how many rows have each step; they are the first ones."""
    times = torch.arange(steps, device=lengths.device)
    counted: list[int] = (times[:, None] < lengths).sum(1).tolist()
    return counted


def _of_some(
    loop: Loop, given: Sequence[Tensor], shared: Sequence[Tensor], like: Tensor, going: int
) -> list[Tensor]:
    """Do the step for the first rows; the others get zeros."""
    rows = given[0].shape[0]
    if not going:
        return [like.new_zeros(rows, *node.shape) for node in (*loop.after, *loop.out, *loop.sums)]
    results = _step(loop, [part[:going] for part in given], shared, like, going)
    return [torch.cat([r, r.new_zeros(rows - going, *r.shape[1:])]) for r in results]


def _where(live: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(live.view(-1, *[1] * (new.dim() - 1)), new, old)


def outer(a: Tensor, g: Tensor, rows: Tensor | None = None) -> Tensor:
    """Return sum of a^T g over (these) rows: (R, K), (R, J) -> (K, J)."""
    return a.mT @ g if rows is None else a[rows].mT @ g[rows]


BACKEND = Backend(run, outer, moves_products=True)
