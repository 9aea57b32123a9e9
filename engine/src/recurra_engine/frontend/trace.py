"""Read a cell's `step`: what it does to one row becomes a graph.

The step runs for a single row while every operation is watched, so each recorded shape is that of one row.
Parameters, buffers and other tensors stay inputs, and what is made of none of the inputs is computed here and
now. Everything else that the step takes from the cell (sizes, options) is in the graph for good; the guard of
the graph says whether it has changed.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recurra.parametrized import parametrized
from recurra.state import leaves, map_state
from recurra_engine.frontend.aten import Untranslated
from recurra_engine.frontend.operators import line_in
from recurra_engine.frontend.questions import Questions
from recurra_engine.frontend.watched import Watched
from recurra_engine.guards.objects import hooked_part
from recurra_engine.guards.program import Guard, Read
from recurra_engine.guards.untouched import untouched
from recurra_engine.guards.walk import Walk, walked
from recurra_engine.guards.witness import Witness
from recurra_engine.ir.fewer_calls import fewer_calls
from recurra_engine.ir.graph import SHARED, Node, sorted_by_use
from recurra_engine.ir.torch_calls import TorchCall, described

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
        operations: How many operations for each row the user wrote, those that only look at memory aside.
    """

    y: Node
    states: tuple[Node, ...]
    others: tuple[Tensor | int, ...]
    guard: Guard
    operations: int

    def inputs(self, cell: nn.Module, weights: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return what the graph's leaves stand for: weights, and other tensors.

        Args:
            cell: The cell.
            weights: What stands in for its own, in the order of `weights_of`.
        """
        found: list[Any] = [cell, *stored(cell).values()]
        if any(isinstance(other, int) for other in self.others):
            found = self.guard.values(found)
        others = (found[other] if isinstance(other, int) else other for other in self.others)
        return [*(weights_of(cell).values() if weights is None else weights), *others]

    @property
    def calls(self) -> list[TorchCall]:
        """What torch is called for at every step."""
        order = sorted_by_use([self.y, *self.states])
        return [node.data[0] for node in order if node.op == "torch" and node.level > SHARED]


class Refused(Untranslated):
    """A step has no graph, for a reason that stays as long as a guard holds."""

    def __init__(self, reason: str, guard: Guard) -> None:
        super().__init__(reason)
        self.guard = guard


def stored(cell: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name."""
    return dict(cell.named_parameters()) | dict(cell.named_buffers())


def weights_of(cell: nn.Module) -> dict[str, Tensor]:
    """Return what the step may read besides its arguments, by name.

    These are parameters, buffers, and what torch's parametrizations make of them.
    """
    return stored(cell) | parametrized(cell)


def trace(cell: Cell[Any], x: Tensor, state: Any) -> Step:
    """Return the graph of a step for a row like those of x (B, I) and state.

    Raises:
        Refused: The step does what a graph of one row cannot say.
    """
    _refuse_hooks(cell)
    given = [cell, *stored(cell).values()]
    run = _Run(cell, x, state)
    walk = _walk(cell, run)
    _refuse(run.obstacles + walk.obstacles, walk.guard)
    before = walk.guard.values(given)
    again = _Run(cell, x, state)
    _refuse(again.obstacles + _differences(run, again, walk.guard, before, given), walk.guard)
    live = run.seen.is_live
    others = (walk.registers[id(tensor)] if live(tensor) else tensor for tensor in run.seen.others)
    y, *states = fewer_calls(run.made)
    return Step(y, tuple(states), tuple(others), walk.guard, run.seen.operations)


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
    same = described(run.made) == described(again.made)
    alike = same and all(map(_equal, run.seen.others, again.seen.others))
    return [] if alike else ["two runs of the step are not the same"]


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


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
        generator = torch.Generator(x.device).manual_seed(0)
        row = map_state(lambda part: part[:1].detach() + 1e-2 * _drawn(part, generator), state)
        self.seen = Watched(_drawn(x, generator), row, list(weights_of(cell).values()))
        try:
            with untouched(cell) as touched:
                self._run(cell)
        except Untranslated as reason:
            self.seen.obstacles.append(str(reason))
        except Exception as error:  # a step may do anything; what it is told here is why it runs in the loop
            message = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            where = line_in(reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]))
            self.seen.obstacles.append(f"{where}: the step could not be traced ({message})")
        sets = [f"the step sets {name}" for name in touched]
        self.obstacles = sets + self.seen.obstacles + self.witness.obstacles

    def _run(self, cell: Cell[Any]) -> None:
        seen = self.seen
        with torch.enable_grad(), seen, Questions(seen.is_free, seen.refuse), self.witness:
            y, after = cell.step(seen.x, seen.state)
        results = [y, *(part for _, part in leaves(after))]
        self.made = [seen.node(value) for value in results]
        if [node.shape for node in self.made[1:]] != [tuple(part.shape) for _, part in leaves(seen.state)]:
            raise Untranslated("the step changes the shapes of its state")


def _drawn(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return numbers for a row; of zeros alone a matrix would have no inverse, and a step might fail."""
    return torch.randn(like[:1].shape, generator=generator, dtype=like.dtype, device=like.device)


def _walk(cell: Cell[Any], run: _Run) -> Walk:
    weights, seen = list(stored(cell).values()), run.seen
    try:
        walk = walked(cell, weights, run.witness, seen.held)
    except Exception as error:  # attributes that raise, structures without end
        raise Refused(f"what the step reads could not be followed ({error})", Guard()) from error
    hidden = [tensor for tensor in seen.outside.values() if id(tensor) not in walk.registers]
    if hidden and not walk.obstacles:
        walk.obstacles.append("the step reads a tensor that is found under no name")
    return walk
