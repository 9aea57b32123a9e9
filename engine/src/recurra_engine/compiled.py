"""A cell's step, compiled for one kind of call: trace, partition, derive, and run at a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra.parametrized import evaluated_once
from recurra.state import leaves, map_state
from recurra_engine.autograd import Differentiable
from recurra_engine.frontend.trace import Step, trace
from recurra_engine.ir.graph import leaf
from recurra_engine.ir.interpreter import Plan
from recurra_engine.passes.backend import Backend
from recurra_engine.passes.program import Program, prepare

if TYPE_CHECKING:
    from recurra.cell import Cell


@dataclass(frozen=True)
class Traced:
    """A traced step, split, and how its weights come from the cell's parameters."""

    step: Step
    program: Program
    weights: Plan


def traced(cell: Cell[Any], x: Tensor, state: Any) -> Traced:
    """Trace a cell for inputs like x (B, T, I) and states like this one.

    Raises:
        Refused: The step does what a graph of one row cannot say.
    """
    with evaluated_once(cell):
        return _prepared(cell, trace(cell, x[:, 0], state), x, state)


def _prepared(cell: Cell[Any], step: Step, x: Tensor, state: Any) -> Traced:
    states = [leaf("state", i, (1, *part.shape[1:])) for i, (_, part) in enumerate(leaves(state))]
    program = prepare(step, leaf("x", 0, (1, x.shape[-1])), states)
    read = step.inputs(cell)
    plan = Plan(program.weights, [leaf("weight", i, weight.shape) for i, weight in enumerate(read)])
    return Traced(step, program, plan)


class Compiled:
    """What stands in for the loop.

    Args:
        made: The traced step.
        backend: The level.
    """

    def __init__(self, made: Traced, backend: Backend) -> None:
        self.made = made
        self.sequence = Differentiable(made.program, backend)

    def run(self, cell: Cell[Any], x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run over x (B, T, I) as `loop.run` does."""
        with evaluated_once(cell):
            shared = self.made.weights(self.made.step.inputs(cell), x)
        shared = [w if w.dtype == x.dtype else w.to(x.dtype) for w in shared]
        parts = [part for _, part in leaves(state)]
        if lengths is None:
            y, after = self.sequence(x, parts, shared, None)
        else:
            y, after = self._ragged(x, parts, shared, lengths)
        given = iter(after)
        return y, map_state(lambda _: next(given), state)

    def _ragged(
        self, x: Tensor, parts: list[Tensor], shared: list[Tensor], lengths: Tensor
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Run with the longest rows first, so that those still going on are always the first ones."""
        lengths, order = lengths.to(torch.int64).sort(descending=True, stable=True)
        back = order.argsort()
        live = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        # Zeroed before the step, not only after it: a NaN in the padding would come back as a NaN gradient.
        x = torch.where(
            live[..., None], x.index_select(0, order), torch.zeros((), dtype=x.dtype, device=x.device)
        )
        parts = [part.index_select(0, order) for part in parts]
        y, after = self.sequence(x, parts, shared, lengths)
        return y.index_select(0, back), [part.index_select(0, back) for part in after]
