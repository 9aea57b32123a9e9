"""A step prepared to run over a sequence: a prologue, a loop and an epilogue in each direction.

    Pass    prologue (parallel, PyTorch) -> Loop (implemented by each level) -> epilogue (parallel, PyTorch)

A level only has to run a `Loop`. The prologue and the epilogue are the same at every level.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from recurra_engine.frontend.trace import Step
from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, leaf
from recurra_engine.ir.interpreter import Plan
from recurra_engine.ir.rewrite import replaced
from recurra_engine.ir.torch_calls import TorchCall
from recurra_engine.passes.partition import distributed, frontier, hoistable, postponed, split_shared


@dataclass(frozen=True)
class Loop:
    """The computation of one step, which the loop repeats for every step and row.

    Args:
        carried: Leaves with the values carried over from the previous step.
        after: The values that replace them, in the same order.
        streams: Leaves with another value at every step.
        shared: Leaves that are the same for all steps and rows.
        out: Values stored for every step.
        sums: Values summed over rows and steps.
        kept: Indices of the `carried` values that are stored before each step.
        reverse: Whether the loop runs from the last step to the first.
    """

    carried: tuple[Node, ...]
    after: tuple[Node, ...]
    streams: tuple[Node, ...]
    shared: tuple[Node, ...]
    out: tuple[Node, ...]
    sums: tuple[Node, ...] = ()
    kept: tuple[int, ...] = ()
    reverse: bool = False

    @property
    def does_anything(self) -> bool:
        """Whether the loop computes anything."""
        return bool(self.carried or self.out or self.sums)

    @cached_property
    def calls_torch(self) -> bool:
        """Whether the graph has no words for some of it."""
        nodes = graph.sorted_by_use([*self.after, *self.out, *self.sums])
        return any(node.op in graph.OF_TORCH for node in nodes)

    @cached_property
    def differentiated(self) -> tuple[TorchCall, ...]:
        """The calls of torch whose gradients it finds."""
        return differentiated([*self.after, *self.out, *self.sums])

    @cached_property
    def plan(self) -> Plan:
        """The step as a sequence of PyTorch operations."""
        results = (*self.after, *self.out, *self.sums)
        return Plan(results, (*self.carried, *self.streams, *self.shared))


def differentiated(results: Iterable[Node]) -> tuple[TorchCall, ...]:
    """Return the calls of torch whose gradients results are made of."""
    order = graph.sorted_by_use(results)
    return tuple(node.data[0].of for node in order if node.op == "torch_gradient")


@dataclass(frozen=True)
class Pass:
    """One direction over a sequence.

    Args:
        given: Leaves whose values for every step are known before the pass.
        hoisted: Values that the prologue computes from them.
        streams: Leaves that represent `hoisted` in the loop and after it.
        loop: The computation of each step.
        results: Leaves that represent the stored values, one for each of `loop.out`.
        finished: Values that the epilogue computes from all of these.
        places: Values of the step -> leaves with these values for all steps.
    """

    given: tuple[Node, ...]
    hoisted: tuple[Node, ...]
    streams: tuple[Node, ...]
    loop: Loop
    results: tuple[Node, ...]
    finished: tuple[Node, ...]
    places: dict[Node, Node]

    @cached_property
    def prologue(self) -> Plan:
        """The hoisted part, over all steps."""
        return Plan(self.hoisted, (*self.given, *self.loop.shared), lead=2)

    @cached_property
    def stored(self) -> tuple[Node, ...]:
        """All leaves that have a value for every step after the loop."""
        kept = [kept_leaf(when, i, self.loop) for i in self.loop.kept for when in ("before", "after")]
        return (*self.given, *self.streams, *self.results, *kept)

    @cached_property
    def epilogue(self) -> Plan:
        """The postponed part, over all steps."""
        return Plan(self.finished, (*self.stored, *self.loop.shared), lead=2)

    @cached_property
    def epilogue_of_each(self) -> Plan | None:
        """The postponed part for several networks at once, or None if it reads what they do not share."""
        if not set(self.loop.shared).isdisjoint(graph.sorted_by_use(self.finished)):
            return None
        return Plan(self.finished, self.stored, lead=3)


def kept_leaf(when: str, i: int, loop: Loop) -> Node:
    """Return the leaf for carried value i `before` or `after` each step."""
    return leaf("stream", (when, i), loop.carried[i].shape)


def make_pass(
    given: Sequence[Node],
    shared: Sequence[Node],
    recurrence: tuple[Sequence[Node], Sequence[Node]],
    wanted: Sequence[Node],
    *,
    saved: Sequence[Node] = (),
    sums: Sequence[Node] = (),
    kept: Sequence[int] = (),
    reverse: bool = False,
    move: bool = True,
    recorded: Collection[TorchCall] = (),
) -> Pass:
    """Split one direction into prologue, loop and epilogue.

    Args:
        given: Leaves whose values for every step are known before the pass.
        shared: Leaves that are the same for all steps and rows.
        recurrence: The carried values before and after the step.
        wanted: Values that are required for every step after the pass.
        saved: Further values that the loop must store for every step.
        sums: Values that the loop sums over rows and steps.
        kept: Indices of the carried values that are stored before each step.
        reverse: Whether the loop runs from the last step to the first.
        move: Whether large products are moved out of the loop.
        recorded: Calls of torch that a backward pass asks for their gradients.
    """
    carried, after = (tuple(part) for part in recurrence)
    late = postponed(wanted, [*after, *sums]) if move else set()
    stored = list(dict.fromkeys([*frontier(wanted, late), *saved]))
    hoisted = hoistable([*after, *stored, *sums], recorded, move=move)
    places = {node: leaf("stream", ("hoisted", i), node.shape) for i, node in enumerate(hoisted)}
    streams = tuple(places.values())
    places |= {node: leaf("stream", ("after", i), node.shape) for i, node in enumerate(after) if i in kept}
    inner = dict(zip(hoisted, streams, strict=True))
    out = [node for node in stored if node not in places and node not in given]
    results = tuple(leaf("stream", ("out", i), node.shape) for i, node in enumerate(out))
    places |= dict(zip(out, results, strict=True))
    loop = Loop(
        carried,
        after=tuple(replaced(after, dict(inner))),
        streams=(),
        shared=tuple(shared),
        out=tuple(replaced(out, dict(inner))),
        sums=tuple(replaced(sums, dict(inner))),
        kept=tuple(kept),
        reverse=reverse,
    )
    loop = _with_streams(loop, (*given, *streams))
    finished = tuple(replaced(wanted, dict(places)))
    return Pass(tuple(given), tuple(hoisted), streams, loop, results, finished, places)


def _with_streams(loop: Loop, candidates: Iterable[Node]) -> Loop:
    read = set(graph.sorted_by_use([*loop.after, *loop.out, *loop.sums]))
    streams = tuple(node for node in candidates if node in read)
    return Loop(loop.carried, loop.after, streams, loop.shared, loop.out, loop.sums, loop.kept, loop.reverse)


@dataclass(frozen=True)
class Program:
    """A traced step, split into shared and per-row computations.

    Args:
        weights: Values computed only from parameters, buffers and constants, in terms of `weight` leaves.
        x: The leaf of the input.
        states: The leaves of the state.
        y: The output.
        after: The states after the step.
    """

    weights: tuple[Node, ...]
    x: Node
    states: tuple[Node, ...]
    y: Node
    after: tuple[Node, ...]

    @cached_property
    def shared(self) -> tuple[Node, ...]:
        """The leaves that represent `weights`."""
        return tuple(leaf("shared", i, node.shape) for i, node in enumerate(self.weights))

    def forward(
        self,
        saved: Sequence[Node] = (),
        kept: Sequence[int] = (),
        *,
        move: bool = True,
        recorded: Collection[TorchCall] = (),
    ) -> Pass:
        """Return the pass that computes y and stores the values that a backward pass reads."""
        recurrence = (self.states, self.after)
        return make_pass(
            [self.x],
            self.shared,
            recurrence,
            [self.y],
            saved=saved,
            kept=kept,
            move=move,
            recorded=recorded,
        )


def prepare(step: Step, x: Node, states: Sequence[Node]) -> Program:
    """Split a traced step into the shared computations and those of every row."""
    split = split_shared(distributed([step.y, *step.states]))
    return Program(split.weights, x, tuple(states), split.results[0], split.results[1:])
