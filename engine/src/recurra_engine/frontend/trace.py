"""Read a cell's `step`: what it does to one row becomes a graph.

The step runs for a single row while every operation is watched, so each recorded shape is that of one row.
Parameters, buffers and other tensors stay inputs, and what is made of none of the inputs is computed here and
now. Everything else that the step takes from the cell (sizes, options) is in the graph for good; the guard of
the graph says whether it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from recurra.state import leaves, map_state
from recurra_engine.frontend.aten import Untranslated, translate
from recurra_engine.frontend.questions import Questions
from recurra_engine.frontend.tensors import listed, tensors_in
from recurra_engine.guards.objects import hooked_part
from recurra_engine.guards.program import Guard, Read
from recurra_engine.guards.untouched import untouched
from recurra_engine.guards.walk import Walk, walked
from recurra_engine.guards.witness import Witness
from recurra_engine.ir.graph import Node, const, expand, leaf, stop, straight_through

if TYPE_CHECKING:
    from recurra.cell import Cell

SHAPES_ALONE = frozenset(
    f"{like}{name}{suffix}"
    for name in ("zeros", "ones", "full", "empty")
    for like, suffix in (("", ""), ("", "_like"), ("new_", ""))
)
"""Operators that read no value of their arguments."""
NEW = ("lift_fresh", "lift")
"""Operators that are given a tensor which nothing else has."""


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
        others = list(self.others)
        if any(isinstance(other, int) for other in others):
            values = self.guard.values([cell, *own])
            others = [values[other] if isinstance(other, int) else other for other in others]
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
        self.seen = _Watched(torch.zeros_like(x[:1]), state, list(weights_of(cell).values()))
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


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation; a tensor that an input has a part in has a node.

    Attributes:
        others: What the leaves after those of the weights stand for.
        outside: Tensors that were there before and are no parameters or buffers, by id.
        held: Those of them whose numbers are in the graph.
        obstacles: What was refused; the step itself may have caught it.
    """

    def __init__(self, x: Tensor, state: Any, weights: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.x, self.dtype, self.weights = x, x.dtype, len(weights)
        self.state = map_state(lambda part: torch.zeros_like(part[:1]), state)
        self.others: list[Tensor] = []
        self.outside: dict[int, Tensor] = {}
        self.held: list[Tensor] = []
        self.obstacles: list[str] = []
        self.free: dict[int, Tensor] = {}
        self.nodes: dict[int, Node] = {}
        self.foreign: dict[int, str] = {}
        self.alive: list[Tensor] = []  # an address names a tensor while it lives
        self._watch(leaf("x", 0, x.shape), x)
        for i, (_, part) in enumerate(leaves(self.state)):
            if part.dtype != self.dtype:
                self.obstacles.append(f"the state has dtype {part.dtype}, but the input has {self.dtype}")
            self._watch(leaf("state", i, part.shape), part)
        for i, weight in enumerate(weights):
            if weight.dtype not in (self.dtype, torch.bool):
                self._mark_as_foreign(weight, "parameter or buffer")
            self._watch(leaf("weight", i, weight.shape), weight)
        self.given = set(self.nodes)

    def _watch(self, node: Node, tensor: Tensor) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it means importing torch's compiler, a second that nobody asked for

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, inputs = func.name().split("::")[1].split(".")[0], list(tensors_in([*args, *kwargs.values()]))
        for tensor in inputs:
            self._meet(tensor, name in NEW)
        self._check(func, name, inputs)
        result = func(*args, **kwargs)
        if name in SHAPES_ALONE or not any(id(tensor) in self.nodes for tensor in inputs):
            self.free |= {id(tensor): tensor for tensor in tensors_in(listed(result))}
            return result
        for node, tensor in zip(listed(self._translated(name, args, kwargs)), listed(result), strict=False):
            self._watch(node if torch.is_grad_enabled() else self._without_gradient(node, tensor), tensor)
        return result

    def _meet(self, tensor: Tensor, new: bool) -> None:
        """Note a tensor that no operation has made: it is new, or was there before and is an input."""
        if id(tensor) in self.nodes or id(tensor) in self.free or id(tensor) in self.outside:
            return
        if new:
            self.free[id(tensor)] = tensor
            return
        self.outside[id(tensor)] = tensor
        self.given.add(id(tensor))
        if not (tensor.is_floating_point() or tensor.dtype == torch.bool):
            self.held.append(tensor)
            self.alive.append(tensor)
            return
        if tensor.dtype not in (self.dtype, torch.bool) and tensor.dim() > 0:
            self._mark_as_foreign(tensor, "tensor")
        self._watch(self._other(tensor), tensor)

    def _other(self, tensor: Tensor) -> Node:
        self.others.append(tensor)
        return leaf("weight", self.weights + len(self.others) - 1, tensor.shape)

    def _mark_as_foreign(self, tensor: Tensor, what: str) -> None:
        self.foreign[id(tensor)] = f"a {what} of {tensor.dtype}, but the input has {self.dtype}"

    def is_free(self, tensor: Tensor) -> bool:
        """Say whether the step has made a tensor, and no input has a part in it."""
        return id(tensor) in self.free

    def is_live(self, tensor: Tensor) -> bool:
        """Say whether a tensor was there before, so that its numbers may change."""
        return id(tensor) in self.outside

    def refuse(self, reason: str) -> NoReturn:
        """Note why there is no graph, and end the step; should it catch that, the note remains."""
        self.obstacles.append(reason)
        raise Untranslated(reason)

    def _translated(self, name: str, args: Any, kwargs: Any) -> Any:
        if name == "_to_copy":
            return self._converted(*args, **kwargs)
        given = tree_map_only(Tensor, self.node, (args, kwargs))
        try:
            return translate(name.removesuffix("_"), given[0], given[1])
        except Untranslated as reason:
            self.refuse(str(reason))

    def _without_gradient(self, node: Node, tensor: Tensor) -> Node:
        before = self.nodes.get(id(tensor))  # of a tensor that is changed in place, which keeps its history
        return stop(node) if before is None else straight_through(node, before)

    def _check(self, func: Any, name: str, inputs: list[Tensor]) -> None:
        foreign = next((self.foreign[id(tensor)] for tensor in inputs if id(tensor) in self.foreign), None)
        if foreign:
            self.refuse(f"the step reads {foreign}")
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.refuse("the step draws random numbers")
        if func._schema.is_mutable and not self._is_new(inputs[0]):
            self.refuse(f"the step changes a tensor in place (aten::{name})")

    def _is_new(self, tensor: Tensor) -> bool:
        """Say whether a tensor is of the step's own making, and no other is a view of it."""
        place = tensor.untyped_storage().data_ptr()
        return id(tensor) not in self.given and not any(
            other.untyped_storage().data_ptr() == place for other in self.alive if other is not tensor
        )

    def _converted(self, a: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
        if dtype not in (None, self.dtype, torch.bool):
            self.refuse(f"the step casts from {self.dtype} to {dtype}")
        return self.nodes[id(a)]

    def node(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one that no input has a part in becomes a constant."""
        self._meet(tensor, new=False)
        known = self.nodes.get(id(tensor))
        if known is not None:
            return known
        first = tensor.flatten()[0].item() if tensor.numel() else 0
        if bool((tensor == first).all()):
            return expand(const(first), tensor.shape)
        made = self._other(tensor)
        self._watch(made, tensor)
        return made
