"""The order of a step's tasks: elementwise work together, in as few loops as can be."""

from __future__ import annotations

from collections.abc import Iterable

from recurra_engine.ir.graph import Node, is_const
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.loop_nests import CALLS

Group = list[Task]
"""Tasks of one loop; any other task is alone."""


def schedule(layout: Layout) -> list[Group]:
    """Return the tasks in an order in which they can be run."""
    left = dict.fromkeys(layout.tasks)
    done: set[Task] = set()
    groups: list[Group] = []
    while left:
        ready = [task for task in left if task.needs <= done]
        alone = [task for task in ready if not task.elementwise]
        group = alone[:1] or _grown(ready[0], left, done, layout)
        groups.append(group)
        done.update(group)
        for task in group:
            del left[task]
    return groups


def _grown(first: Task, left: Iterable[Task], done: set[Task], layout: Layout) -> Group:
    """Return the first task and every other that fits into its loop."""
    group = {first: None}
    if first.node.op in CALLS:
        return [first]
    for task in left:
        alike = task.elementwise and task.space == first.space and task.node.op not in CALLS
        ready = task not in group and all(need in done or need in group for need in task.needs)
        if alike and ready and _fits(task, group, layout):
            group[task] = None
    return list(group)


def _fits(task: Task, group: Iterable[Task], layout: Layout) -> bool:
    members = set(group)
    for arg in task.args:
        if layout.makers.get(arg, frozenset()) & members and in_register(arg, members, layout) is None:
            return False
    return True


def in_register(arg: Node, group: set[Task], layout: Layout) -> Task | None:
    """Return the group's task whose element, at the same place of the loop, is the argument's."""
    if is_const(arg):
        return None
    makers = layout.makers[arg] & group
    if len(makers) != 1 or len(layout.makers[arg]) != 1:
        return None
    (maker,) = makers
    view, target = layout.views[arg], maker.target
    same = view.storage is target.storage and view.offset == target.offset
    return maker if same and view.squeezed == target.squeezed else None
