"""Where every value of a loop lies, and the tasks that put it there.

Movement becomes strides over storage wherever strides can say it. Results are written where they are wanted:
what is carried, what is stored for every step, and parts of a cat inside the cat.

    c, n    carried: before and after the step        x    streams        w    shared, as they are
    o       stored for every step                     s    scratch        a    sums over rows and steps
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from recurra_engine.ir import graph
from recurra_engine.ir.graph import OF_TORCH, POINTWISE, SHARED, Node, Shape, const, is_const
from recurra_engine.lower.views import Storage, View, is_plain, moved, naturally, whole
from recurra_engine.passes.partition import VIEWS
from recurra_engine.passes.program import Loop


@dataclass(eq=False)
class Task:
    """Something to be done in a step.

    Args:
        kind: `element`, `copy`, `add` (to the sums over rows and steps), `gemm`, or the op of a node.
        node: What is made; what is read, in a copy or an add.
        args: What is read.
        target: Where it goes.
        needs: The tasks before it.
    """

    kind: str
    node: Node
    args: Sequence[Node]
    target: View
    needs: frozenset[Task] = frozenset()
    readers: list[Task] = field(default_factory=list)

    @property
    def elementwise(self) -> bool:
        """Whether it is one loop over elements."""
        return self.kind in ("element", "copy", "add")

    @property
    def space(self) -> Shape:
        """The sizes of that loop."""
        return self.target.squeezed[0]


SAME = frozenset({"stop", "straight_through"})
"""Nodes with the value of their first argument."""
Tasks = frozenset[Task]
NOTHING: Tasks = frozenset()


class Layout:
    """The views and tasks of a loop.

    Args:
        loop: What is done at every step.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.views: dict[Node, View] = {}
        self.makers: dict[Node, Tasks] = {}
        self.tasks: list[Task] = []
        self.scratch: list[Storage] = []
        self.packed: dict[tuple[Node, tuple[int, ...], int], int] = {}
        self.placed: dict[Node, Storage] = {}
        results = [*loop.after, *loop.out, *loop.sums]
        order = graph.sorted_by_use(results)
        self._name_leaves()
        self._place(order)
        for node in order:
            if node not in self.views and not is_const(node):
                self._make(node)
        self._deliver()

    # --- places ---------------------------------------------------------------------------------------------

    def _name_leaves(self) -> None:
        for kind, nodes, row in (("c", self.loop.carried, ""), ("x", self.loop.streams, "")):
            for i, node in enumerate(nodes):
                self._leaf(node, Storage(f"{kind}{i}", row or f"{kind}{i}_row", node.size))
        for i, node in enumerate(self.loop.shared):
            self._leaf(node, Storage(f"w{i}", "0", node.size))

    def _leaf(self, node: Node, storage: Storage) -> None:
        lie = whole if storage.stride == "0" else naturally
        self.views[node], self.makers[node] = lie(storage, node.shape), NOTHING

    def _place(self, order: list[Node]) -> None:
        for kind, nodes in (("n", self.loop.after), ("o", self.loop.out)):
            for i, node in enumerate(nodes):
                if _makes_values(node):
                    self.placed.setdefault(node, Storage(f"{kind}{i}", f"{kind}{i}_row", node.size))
        for node in reversed(order):
            if node.op == "cat" and math.prod(node.shape[: node.data[0]]) == 1 and is_plain(node.shape):
                self._place_parts(node)

    def _place_parts(self, node: Node) -> None:
        place = self.placed.setdefault(node, self._new_scratch(node.size))
        offset = 0
        for part in node.args:
            if _makes_values(part) and part.op not in ("cat", "pad") and is_plain(part.shape):
                self.placed.setdefault(part, place.part(offset, part.size))
            offset += part.size

    def _new_scratch(self, size: int) -> Storage:
        made = Storage(f"s{len(self.scratch)}", str(size), size)
        self.scratch.append(made)
        return made

    def _place_of(self, node: Node) -> View:
        return naturally(self.placed.get(node) or self._new_scratch(node.size), node.shape)

    # --- tasks ----------------------------------------------------------------------------------------------

    def _add(self, kind: str, node: Node, args: Sequence[Node], target: View) -> Tasks:
        needs = frozenset().union(*(self.makers.get(arg, NOTHING) for arg in args))
        task = Task(kind, node, args, target, needs)
        for other in needs:
            other.readers.append(task)
        self.tasks.append(task)
        return frozenset({task})

    def _make(self, node: Node) -> None:
        if node.op in VIEWS or node.op in SAME:
            self._move(node)
        elif node.op in ("cat", "pad"):
            self._join(node)
        else:
            self._compute(node)

    def _move(self, node: Node) -> None:
        source = node.args[0]
        if is_const(source):
            source = self._filled(source)
        view = self.views[source] if node.op in SAME else moved(self.views[source], node)
        if view is None:
            source = self._in_order(source)
            view = moved(self.views[source], node)
        assert view is not None
        self.views[node], self.makers[node] = view, self.makers[source]

    def _filled(self, number: Node) -> Node:
        return self._materialised(graph.make("filled", [], number.shape, *number.data), number)

    def _in_order(self, source: Node) -> Node:
        """Return a node for the same value, laid out in order."""
        return self._materialised(graph.make("in order", [source], source.shape), source)

    def _materialised(self, name: Node, source: Node) -> Node:
        if name not in self.views:
            self.views[name] = whole(self._new_scratch(name.size), name.shape)
            self.makers[name] = self._add("copy", source, [source], self.views[name])
        return name

    def _join(self, node: Node) -> None:
        self.views[node] = target = self._place_of(node)
        dim, start, makers = node.data[0], 0, NOTHING
        for part in _pieces(node):
            stop = start + part.shape[dim]
            share = View(target.storage, target.layout.narrow(dim, start, stop - start))
            makers |= self._put(part, share) if stop > start else NOTHING
            start = stop
        self.makers[node] = makers

    def _put(self, part: Node, share: View) -> Tasks:
        if part in self.placed and part in self.views:
            mine = self.views[part]
            same = mine.storage.name == share.storage.name and mine.offset == share.offset
            if same and mine.layout.is_contiguous() and share.layout.is_contiguous():
                return self.makers[part]
        return self._add("copy", part, [part], share)

    def _compute(self, node: Node) -> None:
        kind = "element" if node.op in POINTWISE else node.op
        args = [self._filled(arg) if is_const(arg) and kind != "element" else arg for arg in node.args]
        if kind == "dot" and node.args[1].level == SHARED and self.views[args[1]].storage.stride == "0":
            kind, args = "gemm", [self._rows(args[0]), args[1]]
        if kind in OF_TORCH:
            args = [self._alone(arg) for arg in args]
            self.placed.pop(node, None)  # it writes to a place of its own, for all rows at once
        target = self._place_of(node)
        if kind == "gemm" and target.layout.stride(2) != 1:  # it writes rows; others copy from there
            target = whole(self._new_scratch(node.size), node.shape)
            self.placed.pop(node, None)
        self.views[node] = target
        self.makers[node] = self._add(kind, node, args, self.views[node])

    def _rows(self, a: Node) -> Node:
        """Return the left side of a product with its rows of numbers in order."""
        return a if self.views[a].layout.stride(2) == 1 else self._in_order(a)

    def _alone(self, arg: Node) -> Node:
        """Return an argument of torch's, which all rows share or which has a place of its own."""
        view = self.views[arg]
        alone = view.storage in self.scratch and view.whole
        return arg if alone or view.storage.stride == "0" else self._in_order(arg)

    def _deliver(self) -> None:
        """Copy what is wanted in more places than one, or is no new value."""
        for kind, nodes in (("n", self.loop.after), ("o", self.loop.out)):
            for i, node in enumerate(nodes):
                storage = self.placed.get(node)
                if storage is None or storage.name != f"{kind}{i}":
                    place = Storage(f"{kind}{i}", f"{kind}{i}_row", node.size)
                    self._add("copy", node, [node], naturally(place, node.shape))
        for i, node in enumerate(self.loop.sums):
            self._add("add", node, [node], whole(Storage(f"a{i}", "0", node.size), node.shape))


def _makes_values(node: Node) -> bool:
    return bool(node.args) and node.op not in VIEWS and node.op not in SAME


def _pieces(node: Node) -> list[Node]:
    if node.op == "cat":
        return list(node.args)
    (inner,), (dim, before, after) = node.args, node.data
    zeros = [const(0, (*inner.shape[:dim], n, *inner.shape[dim + 1 :])) for n in (before, after)]
    return [zeros[0], inner, zeros[1]]
