"""A loop ready for a GPU: its launches, and the buffers that they work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from recurra_engine.cuda.addressing import Access, Carried, carried
from recurra_engine.cuda.codegen import Source, source
from recurra_engine.cuda.fusion import stages
from recurra_engine.cuda.layout import DeviceLayout
from recurra_engine.cuda.precision import Precision, precision
from recurra_engine.ir.graph import Node
from recurra_engine.lower.layout import Task
from recurra_engine.passes.program import Loop


@dataclass(frozen=True, eq=False)
class Program:
    """The launches of a step.

    Args:
        loop: What is done at every step.
        layout: Where values lie.
        precision: In what numbers.
        ragged: Whether rows have lengths.
        carried: Where carried values lie.
        steps: For every stage its kernel, if it has one, and the products after it.
        scratch: The numbers in a row of each scratch buffer that is used, and how they are stored.
    """

    loop: Loop
    layout: DeviceLayout
    precision: Precision
    ragged: bool
    carried: list[Carried]
    steps: list[tuple[Source | None, list[Task]]]
    scratch: dict[str, tuple[int, torch.dtype]] = field(default_factory=dict)

    @property
    def at_once(self) -> bool:
        """Whether all steps are one launch."""
        return len(self.steps) == 1 and not self.steps[0][1]

    @property
    def launches(self) -> int:
        """The number of launches for a step."""
        return sum((kernel is not None) + len(products) for kernel, products in self.steps)


@lru_cache(maxsize=256)
def program(loop: Loop, dtype: torch.dtype, *, ragged: bool) -> Program:
    """Return a loop's program for inputs of this dtype."""
    layout, numbers = DeviceLayout(loop, ragged=ragged), precision(dtype)
    loop = layout.loop
    lies = carried(layout, numbers)
    sizes = _sizes(loop, layout)
    steps: list[tuple[Source | None, list[Task]]] = []
    names: set[str] = set()
    found = stages(layout)
    alone = len(found) == 1 and not found[0][1]
    for kernel, products in found:
        access = Access(lies, sizes, numbers.name, ragged=ragged)
        steps.append((source(kernel, layout, access, alone=alone) if kernel else None, products))
        names.update(access.buffers())
    touched = _touched([task for _, products in steps for task in products], layout)
    scratch = {
        storage.name: (storage.size, numbers.stored if storage.name in touched else numbers.computed)
        for storage in layout.scratch
        if storage.name in names | touched
    }
    return Program(loop, layout, numbers, ragged, lies, steps, scratch)


def _touched(products: Sequence[Task], layout: DeviceLayout) -> set[str]:
    views = [view for task in products for view in (task.target, layout.views[task.args[0]])]
    return {view.storage.name for view in views}


def _sizes(loop: Loop, layout: DeviceLayout) -> dict[str, int]:
    kinds: dict[str, Sequence[Node]] = {
        **dict.fromkeys("cnhmf", loop.carried),
        "x": loop.streams,
        "o": loop.out,
        "a": loop.sums,
    }
    found = {f"{kind}{i}": node.size for kind, nodes in kinds.items() for i, node in enumerate(nodes)}
    return found | {storage.name: storage.size for storage in layout.scratch}
