"""Which task of a step belongs to which kernel.

    kernel 0, products 0, kernel 1, products 1, ..., kernel S

A task that others wait for is done as late as they allow: in their kernel, its value stays in registers.
Work that is ready early does not get a kernel of its own, nor does what is only stored.

Inside a kernel, elementwise tasks over the same space are one group, a loop over elements in which values
pass in registers. Between groups that need one another there is a barrier, and the value goes through memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recurra_engine.cuda.layout import DeviceLayout, is_large
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.schedule import in_register

Group = tuple[Task, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """One launch.

    Args:
        groups: What it does, in this order.
        barriers: Before which groups every thread must have done what went before.
    """

    groups: tuple[Group, ...]
    barriers: frozenset[int]

    @property
    def flat(self) -> bool:
        """Whether all elements are independent, so that a row may be shared out among programs."""
        return not self.barriers and all(group[0].elementwise for group in self.groups)


Stage = tuple[Kernel | None, list[Task]]
"""A kernel and the products after it."""


def stages(layout: DeviceLayout) -> list[Stage]:
    """Return the launches of a step."""
    stage = _stage_of_each(layout.tasks)
    found: list[Stage] = []
    for s in range(max(stage.values(), default=-1) + 1):
        mine = [task for task in layout.tasks if stage[task] == s]
        inside = [task for task in mine if not by_cublas(task)]
        products = [task for task in mine if by_cublas(task)]
        found.append((kernel(inside, layout) if inside else None, products))
    return found


def by_cublas(task: Task) -> bool:
    """Say whether a task is one of the products between kernels."""
    return task.kind == "gemm" and is_large(task.node)


def _stage_of_each(tasks: Sequence[Task]) -> dict[Task, int]:
    early: dict[Task, int] = {}
    for task in tasks:
        early[task] = max((early[need] + _apart(need, task) for need in task.needs), default=0)
    stage: dict[Task, int] = {}
    for task in reversed(tasks):
        behind = [stage[reader] - _apart(task, reader) for reader in task.readers]
        stage[task] = min(behind, default=early[task])
    for s in range(max(stage.values(), default=0)):
        _delay_idle(s, stage)
    return stage


def _apart(task: Task, reader: Task) -> int:
    return int(by_cublas(task) and not by_cublas(reader))


def _delay_idle(s: int, stage: dict[Task, int]) -> None:
    """Do a kernel's work in the next one if no product waits for it."""
    mine = [task for task, at in stage.items() if at == s and not by_cublas(task)]
    if not any(by_cublas(reader) and stage[reader] == s for task in mine for reader in task.readers):
        stage.update(dict.fromkeys(mine, s + 1))


def kernel(tasks: Sequence[Task], layout: Layout) -> Kernel:
    """Return the tasks as groups; they must be given in an order in which they can be run."""
    left, inside, done = dict.fromkeys(tasks), set(tasks), set[Task]()
    groups: list[Group] = []
    while left:
        first = next(task for task in left if task.needs & inside <= done)
        group = _grown(first, left, done, inside, layout) if first.elementwise else (first,)
        groups.append(group)
        done.update(group)
        for task in group:
            del left[task]
    return Kernel(tuple(groups), _barriers(groups))


def _grown(first: Task, left: dict[Task, None], done: set[Task], inside: set[Task], layout: Layout) -> Group:
    """Return the first task and every other that fits into its loop over elements."""
    group = {first: None}
    for task in left:
        alike = task.elementwise and task.space == first.space and task not in group
        if alike and task.needs & inside <= done | group.keys() and _fits(task, set(group), layout):
            group[task] = None
    return tuple(group)


def _fits(task: Task, group: set[Task], layout: Layout) -> bool:
    waited_for = (arg for arg in task.args if layout.makers.get(arg, frozenset()) & group)
    return all(in_register(arg, group, layout) is not None for arg in waited_for)


def _barriers(groups: Sequence[Group]) -> frozenset[int]:
    found: set[int] = set()
    pending: set[Task] = set()
    for i, group in enumerate(groups):
        if any(task.needs & pending for task in group):
            found.add(i)
            pending.clear()
        pending.update(group)
    return frozenset(found)
