"""Read a cell's `step`: what it does to one row becomes a graph.

The step runs for a single row while every operation is watched, so each recorded shape is that of one row.
Parameters, buffers and other tensors stay inputs, and what is made of none of the inputs is computed here and
now. Everything else that the step takes from the cell (sizes, options) is in the graph for good; the guard of
the graph says whether it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recurra.state import leaves
from recurra_engine.frontend.aten import Untranslated
from recurra_engine.frontend.questions import Questions
from recurra_engine.frontend.watched import Watched
from recurra_engine.guards.objects import hooked_part
from recurra_engine.guards.program import Guard, Read
from recurra_engine.guards.untouched import untouched
from recurra_engine.guards.walk import Walk, walked
from recurra_engine.guards.witness import Witness
from recurra_engine.ir.graph import Node

if TYPE_CHECKING:
    from recurra.cell import Cell


@dataclass(frozen=True)
class Step:
    """One step of a cell as a graph.

    Args:
        y: The output, (1, O).
        states: The state after the step, leaf by leaf.
        others: Tensors that are neither parameters nor buffers; their leaves follow those of the weights.
            A number is a register of the guard, where the tensor is found at each call.
        guard: What must not change for the graph to be that of the step.
    """

    y: Node
    states: tuple[Node, ...]
    others: tuple[Tensor | int, ...]
    guard: Guard

    def inputs(self, cell: nn.Module, weights: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return what the graph's leaves stand for: weights, and other tensors.

        Args:
            cell: The cell.
            weights: What stands in for its own, in the order of `weights_of`.
        """
        own = list(weights_of(cell).values())
        found: list[Any] = [cell, *own]
        if any(isinstance(other, int) for other in self.others):
            found = self.guard.values(found)
        others = (found[other] if isinstance(other, int) else other for other in self.others)
        return [*(own if weights is None else weights), *others]


class Refused(Untranslated):
    """A step has no graph, for a reason that stays as long as a guard holds."""

    def __init__(self, reason: str, guard: Guard) -> None:
        super().__init__(reason)
        self.guard = guard


def weights_of(cell: nn.Module) -> dict[str, Tensor]:
    """Return what the step may read besides its arguments: parameters and buffers by name."""
    return dict(cell.named_parameters()) | dict(cell.named_buffers())


def trace(cell: Cell[Any], x: Tensor, state: Any) -> Step:
    """Return the graph of a step for a row like those of x (B, I) and state.

    Raises:
        Refused: The step does what a graph of one row cannot say.
    """
    _refuse_hooks(cell)
    given = [cell, *weights_of(cell).values()]
    run = _Run(cell, x, state)
    walk = _walk(cell, run)
    _refuse(run.obstacles + walk.obstacles, walk.guard)
    before = walk.guard.values(given)
    again = _Run(cell, x, state)
    _refuse(again.obstacles + _differences(run, again, walk.guard, before, given), walk.guard)
    live = run.seen.is_live
    others = (walk.registers[id(tensor)] if live(tensor) else tensor for tensor in run.seen.others)
    return Step(run.made[0], tuple(run.made[1:]), tuple(others), walk.guard)


def _refuse(obstacles: list[str], guard: Guard) -> None:
    if obstacles:
        raise Refused(obstacles[0], guard)


def _refuse_hooks(cell: nn.Module) -> None:
    # Before anything runs: a hook that counts its calls would count those of a trace.
    hooked = hooked_part(cell)
    if hooked:
        guard = Guard((Read(0, hooked_part, lambda name: name == hooked, "hooks"),))
        raise Refused(f"{hooked} has hooks, which must be called at every step", guard)


def _differences(run: _Run, again: _Run, guard: Guard, before: list[Any], given: list[Any]) -> list[str]:
    """Return why a second run does not say the same as the first."""
    changed = guard.changed(given) or guard.written(before, guard.values(given))
    if changed:
        return [f"the step changes {changed}, which it reads"]
    alike = run.made == again.made and all(map(torch.equal, run.seen.others, again.seen.others))
    return [] if alike else ["two runs of the step are not the same"]


class _Run:
    """One run of a step for one row.

    Attributes:
        seen: Its tensors.
        witness: The code that ran.
        made: The nodes of y and the state.
        obstacles: Why there is no graph, or none to trust.
    """

    def __init__(self, cell: Cell[Any], x: Tensor, state: Any) -> None:
        self.witness = Witness()
        self.made: list[Node] = []
        self.seen = Watched(torch.zeros_like(x[:1]), state, list(weights_of(cell).values()))
        try:
            with untouched(cell) as touched:
                self._run(cell)
        except Untranslated as reason:
            self.seen.obstacles.append(str(reason))
        except Exception as error:  # a step may do anything; what it is told here is why it runs in the loop
            message = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            self.seen.obstacles.append(f"the step could not be traced ({message})")
        sets = [f"the step sets {name}" for name in touched]
        self.obstacles = sets + self.seen.obstacles + self.witness.obstacles

    def _run(self, cell: Cell[Any]) -> None:
        seen = self.seen
        with torch.enable_grad(), seen, Questions(seen.is_free, seen.refuse), self.witness:
            y, after = cell.step(seen.x, seen.state)
        results = [y, *(part for _, part in leaves(after))]
        self.made = [seen.node(value) for value in results]
        if [node.shape for node in self.made[1:]] != [tuple(part.shape) for _, part in leaves(seen.state)]:
            seen.refuse("the step changes the shapes of its state")


def _walk(cell: Cell[Any], run: _Run) -> Walk:
    weights, seen = list(weights_of(cell).values()), run.seen
    try:
        walk = walked(cell, weights, run.witness, seen.held)
    except Exception as error:  # attributes that raise, structures without end
        raise Refused(f"what the step reads could not be followed ({error})", Guard()) from error
    hidden = [tensor for tensor in seen.outside.values() if id(tensor) not in walk.registers]
    if hidden and not walk.obstacles:
        walk.obstacles.append("the step reads a tensor that is found under no name")
    return walk
