"""Triton for a group of elementwise tasks: one pass over their elements, values in registers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from recurra_engine.cuda.addressing import Access
from recurra_engine.cuda.expressions import expression, number, place
from recurra_engine.cuda.fusion import Group
from recurra_engine.ir.graph import Node, is_const
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.loop_nests import merged
from recurra_engine.lower.schedule import in_register
from recurra_engine.lower.views import View


class Elements:
    """The body of a group, over a block of indices `{name}_i` and its mask `{name}_m`.

    Args:
        group: The tasks.
        layout: Where values lie.
        access: How they are read and stored.
        name: What the group's variables begin with.
    """

    def __init__(self, group: Group, layout: Layout, access: Access, name: str) -> None:
        self.group, self.layout, self.access, self.name = group, layout, access, name
        self.members = set(group)
        self.order = _outer_first(group[0].target)
        views = [view for task in group for view in (*self._reads(task), task.target)]
        strides = [self._strides(view) for view in views]
        sizes, kept = merged(tuple(group[0].space[d] for d in self.order), strides)
        self.sizes = sizes or [1]
        self.inner = dict(zip(strides, kept, strict=True))
        self.loaded: dict[str, str] = {}
        self.lines: list[str] = []
        for task in group:
            self._do(task)

    @property
    def count(self) -> int:
        """The number of elements."""
        return prod(self.sizes)

    def _do(self, task: Task) -> None:
        values = [self._value(arg) for arg in task.args]
        made = values[0]
        if task.kind == "element":
            made = expression(task.node, values, self.access.kind)
        self.lines.append(f"{self._name(task)} = {made}")
        if self._is_stored(task):
            at = self._place(task.target)
            self.lines += self.access.store(task, at, self._name(task), f"{self.name}_m")

    def _value(self, arg: Node) -> str:
        if is_const(arg):
            return number(arg.data[0], self.access.kind)
        maker = in_register(arg, self.members, self.layout)
        if maker:
            return self._name(maker)
        view = self.layout.views[arg]
        text = self.access.load(view, self._place(view), f"{self.name}_m")
        if text not in self.loaded:
            self.loaded[text] = f"{self.name}_x{len(self.loaded)}"
            self.lines.append(f"{self.loaded[text]} = {text}")
        return self.loaded[text]

    def _name(self, task: Task) -> str:
        return f"{self.name}_v{self.group.index(task)}"

    def _is_stored(self, task: Task) -> bool:
        if task.kind != "element" or task.target.storage.name[0] != "s":
            return True
        return task.node in self.layout.placed or any(r not in self.members for r in task.readers)

    def _place(self, view: View) -> str:
        strides = self.inner[self._strides(view)]
        return place(f"{self.name}_i", self.sizes, strides or [0], view.offset)

    def _strides(self, view: View) -> tuple[int, ...]:
        _, strides = view.squeezed
        return tuple(strides[d] for d in self.order)

    def _reads(self, task: Task) -> Sequence[View]:
        return [self.layout.views[arg] for arg in task.args if not is_const(arg)]


def _outer_first(view: View) -> list[int]:
    """Return a view's dimensions longer than 1, from the largest stride to the smallest."""
    _, strides = view.squeezed
    return sorted(range(len(strides)), key=lambda d: -strides[d])
