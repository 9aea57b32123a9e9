"""A program with its gradient: what the forward pass saves, and what the backward pass reads and returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recurra_engine.ir.graph import CORE, Node, const, leaf, pointwise, sorted_by_use
from recurra_engine.ir.rewrite import replaced
from recurra_engine.passes.program import Pass, Program, differentiated, kept_leaf, make_pass
from recurra_engine.passes.rematerialise import to_save
from recurra_engine.passes.vjp import Outer, pullback


@dataclass(frozen=True)
class Training:
    """A program with its gradient.

    Args:
        forward: The pass that returns y and stores the values that the backward pass reads.
        backward: The pass that returns, for every step, the gradient of x (if requested), then both factors
            of every outer product, then the values to sum over all steps.
        reads: Where the forward pass stored each of `backward.given`, except the gradient of y and x.
        reads_x: Whether the backward pass reads x, which then follows the gradient of y.
        reads_shared: Which of the shared weights the backward pass reads.
        x: Whether the gradient of x is computed.
        outer: The shared weight that each outer product belongs to.
        sums: The shared weight that each sum of the loop belongs to.
        late: The shared weight that each sum of the epilogue belongs to.
    """

    forward: Pass
    backward: Pass
    reads: tuple[Node, ...]
    reads_x: bool
    reads_shared: tuple[bool, ...]
    x: bool
    outer: tuple[int, ...]
    sums: tuple[int, ...]
    late: tuple[int, ...]


@dataclass(frozen=True)
class _Asked:
    """The requested gradients as nodes, with the index of the shared weight that they belong to."""

    states: list[Node]
    x: list[Node]
    outer: list[tuple[int, Outer]]
    sums: list[tuple[int, Node]]

    def nodes(self) -> list[Node]:
        sides = [side for _, o in self.outer for side in (o.a, o.g)]
        return [*self.states, *self.x, *sides, *(node for _, node in self.sums)]

    def read_from(self, places: dict[Node, Node]) -> _Asked:
        """Return the same gradients, with values of the forward pass replaced by leaves."""
        made = iter(replaced(self.nodes(), dict(places)))
        states, x = [next(made) for _ in self.states], [next(made) for _ in self.x]
        outer = [(i, Outer(next(made), next(made))) for i, _ in self.outer]
        return _Asked(states, x, outer, [(i, next(made)) for i, _ in self.sums])

    def sums_at(self, *, core: bool) -> list[tuple[int, Node]]:
        """Return the sums that the loop accumulates (`core`), or those free of the state's gradient."""
        return [(i, node) for i, node in self.sums if (node.level == CORE) is core]


def with_gradient(program: Program, *, x: bool, shared: Sequence[bool], move: bool = True) -> Training:
    """Derive the gradient of a program.

    Args:
        program: The program.
        x: Whether the gradient of the input is requested.
        shared: For each shared weight, whether its gradient is requested.
        move: Whether large products are moved out of the loops.
    """
    asked = _asked(program, x, shared)
    saved, kept, inner = to_save(program.states, [program.y, *program.after], asked.nodes())
    ahead = program.forward(saved, kept, move=move, recorded=differentiated(asked.nodes()))
    asked = asked.read_from(inner)
    used = set(sorted_by_use(asked.nodes()))
    inputs = [program.x] if program.x in used else []
    given = [_gradient_of_y(program), *inputs, *inner.values()]
    found = {new: ahead.places.get(old, old) for old, new in inner.items()}
    found |= {
        leaf("stream", ("before", i), program.states[i].shape): kept_leaf("before", i, ahead.loop)
        for i in kept
    }
    indices = [
        [i for i, _ in part] for part in (asked.outer, asked.sums_at(core=True), asked.sums_at(core=False))
    ]
    return Training(
        ahead,
        _backward(program, asked, given, move),
        tuple(found.get(node, node) for node in inner.values()),
        bool(inputs),
        tuple(weight in used for weight in program.shared),
        x,
        *(tuple(part) for part in indices),
    )


def _asked(program: Program, x: bool, shared: Sequence[bool]) -> _Asked:
    seeds = {program.y: _gradient_of_y(program)}
    for i, node in enumerate(program.after):
        carried = leaf("carried", i, node.shape)
        seeds[node] = pointwise("add", seeds[node], carried) if node in seeds else carried
    weights = [w for w, asked in zip(program.shared, shared, strict=True) if asked]
    inputs = [program.x] if x else []
    found = pullback(seeds, [*program.states, *weights, *inputs])
    return _Asked(
        [found.of.get(state, const(0, state.shape)) for state in program.states],
        [found.of.get(node, const(0, node.shape)) for node in inputs],
        [(program.shared.index(w), outer) for w, outers in found.outer.items() for outer in outers],
        [(i, found.of[w]) for i, w in enumerate(program.shared) if w in found.of],
    )


def _gradient_of_y(program: Program) -> Node:
    return leaf("stream", ("gradient", 0), program.y.shape)


def _backward(program: Program, asked: _Asked, given: Sequence[Node], move: bool) -> Pass:
    carried = [leaf("carried", i, state.shape) for i, state in enumerate(program.states)]
    sides = [side for _, o in asked.outer for side in (o.a, o.g)]
    return make_pass(
        given,
        program.shared,
        (carried, asked.states),
        [*asked.x, *sides, *(node for _, node in asked.sums_at(core=False))],
        sums=[node for _, node in asked.sums_at(core=True)],
        reverse=True,
        move=move,
    )
