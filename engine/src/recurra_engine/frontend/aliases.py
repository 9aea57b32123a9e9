"""Tensors that look at the same memory: what a change of one in place means for the others."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from recurra_engine.frontend.aten.rules import Untranslated
from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, leaf
from recurra_engine.ir.rewrite import replaced


class Aliases:
    """Remembers, of every tensor, what it is in terms of the tensor whose memory it looks at."""

    def __init__(self) -> None:
        self.views: dict[int, tuple[int, Node]] = {}
        self.families: dict[int, list[Tensor]] = {}
        self.lost: set[int] = set()

    def of(self, tensor: Tensor) -> tuple[int, Node]:
        """Return the root of a tensor, and the tensor in terms of it."""
        if id(tensor) not in self.views:
            self.views[id(tensor)] = id(tensor), leaf("place", id(tensor), tensor.shape)
            self.families[id(tensor)] = [tensor]
        return self.views[id(tensor)]

    def add(self, view: Tensor, root: int, expression: Node) -> None:
        """Remember a view."""
        self.views[id(view)] = root, expression
        self.families[root].append(view)

    def lose(self, root: int) -> None:
        """Remember that there is a view of a kind that nothing is known of."""
        self.lost.add(root)

    def after_change(self, tensor: Tensor, new: Node, root: Node) -> list[tuple[Tensor, Node]]:
        """Return all tensors that a change of one changes, with their new nodes.

        Args:
            tensor: What was changed.
            new: Its node after the change.
            root: The node, before the change, of the tensor whose memory it looks at.
        """
        name, expression = self.of(tensor)
        if name in self.lost:
            raise Untranslated("the step changes a tensor in place of which there is an unusual view")
        place = leaf("place", name, root.shape)
        now = _with(expression, new, place, root)
        family = self.families[name]
        made = replaced([self.views[id(member)][1] for member in family], {place: now})
        return list(zip(family, made, strict=True))

    def root(self, tensor: Tensor) -> Tensor:
        """Return the tensor whose memory this one looks at."""
        return self.families[self.of(tensor)[0]][0]


def _with(view: Node, new: Node, place: Node, root: Node) -> Node:
    """Return the root, of which a view has become something else."""
    if view is place:
        return new
    if view.op == "reshape":
        back = graph.reshape(new, view.args[0].shape)
    elif view.op == "permute":
        order = view.data[0]
        back = graph.permute(new, [order.index(d) for d in range(len(order))])
    elif view.op == "slice":
        back = _inserted(new, view, replaced([view.args[0]], {place: root})[0])
    else:
        raise Untranslated("the step changes a part of a tensor in place that is more than a slice of it")
    return _with(view.args[0], back, place, root)


def _inserted(new: Node, view: Node, whole: Node) -> Node:
    dim, start, stop = view.data
    parts: Sequence[Node] = (
        graph.cut(whole, dim, 0, start),
        new,
        graph.cut(whole, dim, stop, whole.shape[dim]),
    )
    return graph.cat(parts, dim)
