"""An ensemble of cells of one kind, each with its own weights, at the native level.

What a step makes of weights is shared by all rows; here, the part of it that differs from cell to cell
becomes a stream that never changes in time. A row is one sequence in one cell, so the loop stays what it was.

Shapes: P cells, B sequences; rows are (B P), those of one sequence next to each other, which keeps the
longest sequences first.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import vmap

from recurra.state import leaves, map_state
from recurra_engine import cpu, dispatch
from recurra_engine.autograd import run_pass
from recurra_engine.compiled import Compiled, Traced
from recurra_engine.frontend.trace import weights_of
from recurra_engine.ir.graph import Node, leaf, sorted_by_use
from recurra_engine.ir.rewrite import replaced
from recurra_engine.lower.views import as_indexed, laid_out
from recurra_engine.passes.program import Pass, make_pass

if TYPE_CHECKING:
    from recurra.cell import Cell

LARGEST = 4096
"""Numbers per cell beyond which its weights, read at every step, are better used for all its rows at once."""


@dataclass(frozen=True)
class _Many:
    """A traced step whose weights differ from row to row.

    Args:
        own: Which of the program's shared values differ.
        pass_: The loop in which these are streams.
    """

    own: tuple[int, ...]
    pass_: Pass


_made: weakref.WeakKeyDictionary[Compiled, dict[frozenset[int], _Many]] = weakref.WeakKeyDictionary()


def run(
    cell: Cell[Any], weights: Mapping[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, Any] | None:
    """Run P cells, or return None where that is not for this level.

    Args:
        cell: What they are, but for their weights.
        weights: Name -> (P, ...), of those parameters in which they differ.
        x: (P, B, T, I).
        state: Where they start, with (P, B) in front of every leaf.
        lengths: (B,).

    Returns:
        y (P, B, T, O), and the final states with (P, B) in front.
    """
    compiled = dispatch.choose(cell, x[0], map_state(lambda part: part[0], state)).compiled
    native_alone = isinstance(compiled, Compiled) and compiled.sequence.backend is cpu.BACKEND
    if not native_alone or sum(weight[0].numel() for weight in weights.values()) > LARGEST:
        return None
    assert isinstance(compiled, Compiled)
    if compiled.made.step.calls or any("parametrizations." in name for name in weights):
        return None
    order, back, sizes = _by_length(x, lengths)
    rows = x.shape[0] * x.shape[1]
    many = _many(compiled, frozenset(i for i, name in enumerate(weights_of(cell)) if name in weights))
    shared = _shared(compiled.made, cell, weights, x)
    streams = [_never_changing(shared[i], x.shape[1], x.shape[2]) for i in many.own]
    inputs = x.index_select(1, order).permute(2, 1, 0, 3).reshape(x.shape[2], rows, 1, x.shape[3])
    carried = [_as_rows(part, order) for _, part in leaves(state)]
    same = [value[0] for i, value in enumerate(shared) if i not in many.own]
    _, ran, (y,) = run_pass(many.pass_, [inputs, *streams], carried, same, sizes, cpu.BACKEND)
    after = iter(ran.after)
    final = map_state(lambda part: _as_cells(next(after), back, x, part.shape[2:], 0), state)
    y = _as_cells(y, back, x, y.shape[-1:], 1)  # (T, P, B, O)
    return _zero_past_end(y.permute(1, 2, 0, 3), lengths), final


def _many(compiled: Compiled, varied: frozenset[int]) -> _Many:
    known = _made.setdefault(compiled, {})
    if varied not in known:
        known[varied] = _prepared(compiled.made, varied)
    return known[varied]


def _prepared(made: Traced, varied: frozenset[int]) -> _Many:
    program = made.program
    own = tuple(i for i, node in enumerate(program.weights) if _reads(node, varied))
    streams = {program.shared[i]: leaf("stream", ("own", i), program.shared[i].shape) for i in own}
    same = [node for node in program.shared if node not in streams]
    y, *after = replaced([program.y, *program.after], dict(streams))
    given = [program.x, *streams.values()]
    return _Many(own, make_pass(given, same, (program.states, after), [y], move=False))


def _reads(node: Node, varied: frozenset[int]) -> bool:
    return any(part.op == "weight" and part.data[0] in varied for part in sorted_by_use([node]))


def _shared(made: Traced, cell: Cell[Any], weights: Mapping[str, Tensor], like: Tensor) -> Sequence[Tensor]:
    """Return what each cell makes of its weights, (P, ...)."""

    def of_one(own: dict[str, Tensor]) -> tuple[Tensor, ...]:
        found = made.weights(made.step.inputs(cell, list((weights_of(cell) | own).values())), like)
        return tuple(value.to(like.dtype) for value in found)

    found: Sequence[Tensor] = vmap(of_one)(dict(weights))
    return found


def _never_changing(value: Tensor, sequences: int, steps: int) -> Tensor:
    """Return (T, B P, ...) of (P, ...), in memory once for all steps, laid out as the level wants rows."""
    rows = laid_out(value, 1).expand(sequences, *[-1] * value.dim()).flatten(0, 1).contiguous()
    return as_indexed(rows, tuple(value.shape[1:]), 1).expand(steps, -1, *value.shape[1:])


def _by_length(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the order with the longest sequences first, the way back, and the lengths of all rows."""
    if lengths is None:
        order = torch.arange(x.shape[1])
        return order, order, None
    ordered, order = lengths.to(torch.int64).sort(descending=True, stable=True)
    return order, order.argsort(), ordered.repeat_interleave(x.shape[0])


def _as_rows(part: Tensor, order: Tensor) -> Tensor:
    return part.index_select(1, order).transpose(0, 1).flatten(0, 1).unsqueeze(1)


def _as_cells(rows: Tensor, back: Tensor, x: Tensor, shape: Sequence[int], lead: int) -> Tensor:
    """Return (..., P, B, *shape) of rows (..., B P, 1, *shape), the sequences in their own order again."""
    apart = rows.reshape(*rows.shape[:lead], x.shape[1], x.shape[0], *shape)
    return apart.index_select(lead, back).transpose(lead, lead + 1)


def _zero_past_end(y: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return y
    live = torch.arange(y.shape[2]) < lengths[:, None]
    return torch.where(live[..., None], y, torch.zeros((), dtype=y.dtype))
