"""The gradient of a loss of y(t) as gradients of the states around step t, and of the weights directly.

Mostly y is a part of the state after the step, and there is nothing to compute. What else it is made of is
pulled back to the state after the step where it is made of that, and else to the state before it, from which
on the influence J knows of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, leaf, reshape
from recurra_engine.ir.rewrite import replaced
from recurra_engine.passes.backend import LoopResult
from recurra_engine.passes.program import Loop, Program
from recurra_engine.passes.vjp import Gradients, pullback


@dataclass(frozen=True)
class PullOutput:
    """What pulls ∂ loss / ∂ y back.

    Args:
        loop: Runs over the steps again with ∂ loss / ∂ y as a stream; None if there is nothing to compute.
        reads: Whether the loop reads x, and that gradient.
        before: Whether its first result is ∂ loss / ∂ s before the step.
        after: Whether the next is ∂ loss / ∂ s after it.
        outer: The shared weight of each pair of factors among the other results.
        sums: The shared weight of each of its sums.
        at: Where y lies in the state after the step, and the size of that state; None if it is no part of it.
    """

    loop: Loop | None
    reads: tuple[bool, bool] = (True, True)
    before: bool = False
    after: bool = False
    outer: tuple[int, ...] = ()
    sums: tuple[int, ...] = ()
    at: tuple[int, int] | None = None

    def placed(self, g: Tensor) -> Tensor | None:
        """Return ∂ loss / ∂ s after each step, (T, B, S) or None, of ∂ loss / ∂ y (T, B, O)."""
        if self.at is None:
            return None
        start, size = self.at
        return torch.nn.functional.pad(g, (start, size - start - g.shape[-1]))

    def separated(self, ran: LoopResult) -> tuple[Tensor | None, Tensor | None, dict[int, Tensor]]:
        """Return ∂ loss / ∂ s before and after each step, (T, B, S), and the direct gradients of weights."""
        values = iter(ran.out)
        before = next(values) if self.before else None
        after = next(values) if self.after else None
        pairs = [(i, torch.einsum("tbzik,tbzij->zkj", next(values), next(values))) for i in self.outer]
        direct: dict[int, Tensor] = {}
        for i, value in [*pairs, *zip(self.sums, ran.sums, strict=True)]:
            direct[i] = direct[i] + value if i in direct else value
        return before, after, direct


def pull_output(program: Program, wanted: Sequence[bool]) -> PullOutput:
    """Return what pulls the gradient of y back.

    Args:
        program: The step.
        wanted: For each shared weight, whether its gradient is wanted.
    """
    sizes = [node.size for node in program.after]
    for i, node in enumerate(program.after):
        if node is program.y and node.args:
            return PullOutput(None, at=(sum(sizes[:i]), sum(sizes)))
    made = [node for node in program.after if node.args]
    stands = {node: leaf("stream", ("after", i), node.shape) for i, node in enumerate(made)}
    (y,) = replaced([program.y], dict(stands))
    g = leaf("stream", ("gradient", 0), program.y.shape)
    weights = [w for w, wants in zip(program.shared, wanted, strict=True) if wants]
    found = pullback({y: g}, [*stands.values(), *program.states, *weights])
    return _pull(program, found, stands, g)


def _pull(program: Program, found: Gradients, stands: dict[Node, Node], g: Node) -> PullOutput:
    before = _joined([found.of.get(state) for state in program.states], program.states)
    unseen = {node: found.of.get(new) for node, new in stands.items()}
    # Of equal states, the first gets the gradient.
    after = _joined([unseen.pop(node, None) for node in program.after], program.after)
    outer = [(program.shared.index(w), o) for w, outers in found.outer.items() for o in outers]
    sums = [(i, found.of[w]) for i, w in enumerate(program.shared) if w in found.of]
    sides = [side for _, o in outer for side in (o.a, o.g)]
    of_steps = [*(node for node in (before, after) if node is not None), *sides]
    known = {new: old for old, new in stands.items()}
    results = replaced([*of_steps, *(node for _, node in sums)], known)
    if not results:  # y is made of nothing that weights act on
        return PullOutput(None)
    read = set(graph.sorted_by_use([*program.after, *results]))
    loop = Loop(
        program.states,
        program.after,
        tuple(node for node in (program.x, g) if node in read),
        program.shared,
        out=tuple(results[: len(of_steps)]),
        sums=tuple(results[len(of_steps) :]),
    )
    return PullOutput(
        loop,
        reads=(program.x in read, g in read),
        before=before is not None,
        after=after is not None,
        outer=tuple(i for i, _ in outer),
        sums=tuple(i for i, _ in sums),
    )


def _joined(gradients: Sequence[Node | None], nodes: Sequence[Node]) -> Node | None:
    """Return the gradients of nodes one after the other, or None if all are zero."""
    if all(gradient is None for gradient in gradients):
        return None
    pairs = zip(gradients, nodes, strict=True)
    return graph.cat([reshape(g or graph.const(0, node.shape), (node.size,)) for g, node in pairs], 0)
