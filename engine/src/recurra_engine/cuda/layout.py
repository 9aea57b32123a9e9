"""Where the values of a loop lie on a GPU: as at the level `native`, but for what products write."""

from __future__ import annotations

import math
from dataclasses import replace

from recurra_engine.ir import graph
from recurra_engine.ir.graph import POINTWISE, SHARED, Node, is_const
from recurra_engine.ir.rewrite import rebuild
from recurra_engine.lower.layout import Layout
from recurra_engine.lower.views import Storage
from recurra_engine.passes.program import Loop

SMALL_PRODUCT = 4096
"""A product of a row with a matrix of no more numbers is done inside a kernel: a launch costs more."""


def is_large(node: Node) -> bool:
    """Say whether a node is a product that is left to cuBLAS."""
    return node.op == "dot" and node.args[1].level == SHARED and math.prod(node.args[1].shape) > SMALL_PRODUCT


class DeviceLayout(Layout):
    """The views and tasks of a loop.

    cuBLAS knows nothing of rows that are past their length, nor of the wider numbers that kernels carry. It
    writes to scratch, save where all of a carried value is its product and no row ends early.

    Args:
        loop: What is done at every step.
        ragged: Whether rows have lengths.
    """

    def __init__(self, loop: Loop, *, ragged: bool) -> None:
        self.ragged = ragged
        self.of_stored = of_stored(loop)
        self.sums = loop.sums
        inside = [node for i, node in enumerate(loop.sums) if i not in self.of_stored]
        super().__init__(plain(replace(loop, sums=tuple(inside))))

    @property
    def multiplied(self) -> dict[str, Node]:
        """The storages to which products write, by name."""
        return {
            task.target.storage.name: task.node
            for task in self.tasks
            if task.kind == "gemm" and is_large(task.node)
        }

    def _place(self, order: list[Node]) -> None:
        super()._place(order)
        for node in [node for node in self.placed if is_large(node)]:
            storage = self.placed[node]
            whole = storage.name[0] == "n" and storage.size == node.size
            if storage.name[0] in "no" and (self.ragged or not whole):
                del self.placed[node]
        for i, node in enumerate([] if self.ragged else self.loop.after):
            product = node.args[0] if _only_drops_ones(node) else node
            if product is not node and is_large(product) and product not in self.placed:
                self.placed[product] = self.placed[node] = Storage(f"n{i}", f"n{i}_row", node.size)


def of_stored(loop: Loop) -> dict[int, int]:
    """Return, for sums of what is stored for every step anyway, which of `loop.out` it is."""
    stored = {_base(node): i for i, node in enumerate(loop.out)}
    return {i: stored[_base(node)] for i, node in enumerate(loop.sums) if _base(node) in stored}


def _base(node: Node) -> Node:
    while node.op == "reshape":
        node = node.args[0]
    return node


def plain(loop: Loop) -> Loop:
    """Return the same loop, in which elementwise functions are of reshaped values, not reshaped themselves.

    A product has one dimension more than what the user wrote. Were a sum of products reshaped, the slices of
    it, one for each gate, would not be sums of slices, and the sum would be a pass over memory of its own.
    """
    results = [*loop.after, *loop.out, *loop.sums]
    order = graph.sorted_by_use(results)
    users: dict[Node, set[Node | None]] = {result: {None} for result in results}
    for node in order:
        for arg in node.args:
            users.setdefault(arg, set()).add(node)
    known: dict[Node, Node] = {}
    for node in order:
        made = rebuild(node, [known[arg] for arg in node.args])
        inside = _only_drops_ones(made) and users[node.args[0]] == {node} and made.args[0].op in POINTWISE
        known[node] = _inside_out(made) if inside else made
    n, m = len(loop.after), len(loop.out)
    new = tuple(known[result] for result in results)
    return replace(loop, after=new[:n], out=new[n : n + m], sums=new[n + m :])


def _only_drops_ones(node: Node) -> bool:
    if node.op != "reshape":
        return False
    before, after = ([n for n in shape if n != 1] for shape in (node.args[0].shape, node.shape))
    return before == after


def _inside_out(node: Node) -> Node:
    (made,) = node.args
    args = (arg if is_const(arg) else graph.reshape(arg, node.shape) for arg in made.args)
    return graph.pointwise(made.op, *args)
