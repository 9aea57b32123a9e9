"""The Triton source of a kernel.

A program has a row `r` and does for it the steps `first` to `last`: one of them, save in a loop without large
products. In a `flat` kernel several programs share a row, each with a block of the elements of every group.
Offsets are 64 bits wide from the row on: a stream may hold more numbers than 32 bits count.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from recurra_engine.cuda.addressing import Access
from recurra_engine.cuda.elementwise import Elements
from recurra_engine.cuda.expressions import power_of_two
from recurra_engine.cuda.fusion import Group, Kernel
from recurra_engine.cuda.reductions import BLOCK, Lines, Runs, block_of, indented, over
from recurra_engine.lower.layout import Layout

HEAD = """\
import triton
import triton.language as tl
from recurra_engine.cuda.functions import (
    expm1, larger, largest, log1p, power, sigmoid, sign, smaller, softplus, tanh
)
"""


@dataclass(frozen=True)
class Source:
    """A kernel's code, and how it is launched.

    Args:
        text: A module that defines `kernel`.
        buffers: Its first arguments; then come lengths, first, last, steps, rows.
        blocks: How many programs a row has.
        warps: How many warps a program has.
    """

    text: str
    buffers: tuple[str, ...]
    blocks: int
    warps: int


def source(kernel: Kernel, layout: Layout, access: Access, *, alone: bool) -> Source:
    """Return the source of a kernel.

    Args:
        kernel: What it does.
        layout: Where values lie.
        access: How they are read and stored.
        alone: Whether it is all of a step, so that one launch may do many steps.
    """
    flat = kernel.flat and not alone
    body: Lines = []
    for i, group in enumerate(kernel.groups):
        body += ["tl.debug_barrier()"] if i in kernel.barriers else []
        body += _group(group, layout, access, f"g{i}", flat=flat)
    step = [
        f"t = {'steps - 1 - k' if layout.loop.reverse else 'k'}",
        *(["live = length > t", "ends = length == t + 1"] if access.ragged else []),
        *access.rows(),
        *body,
    ]
    # What one step has written the next one reads.
    step += [] if flat else ["tl.debug_barrier()"]
    lines = [
        "r = tl.program_id(0).to(tl.int64)",
        "wide = r * 0 + rows",
        *(["length = tl.load(lengths + r)"] if access.ragged else []),
        "for k in range(first, last):",
        *indented(step),
    ]
    names = access.buffers()
    numbers = ["first", "last", "steps", "rows"]
    head = f"def kernel({', '.join([*names, 'lengths', *numbers])}):"
    text = "\n".join([HEAD, f"@triton.jit(do_not_specialize={numbers})", head, *indented(lines), ""])
    return Source(text, tuple(names), _blocks(kernel) if flat else 1, _warps(kernel))


def _group(group: Group, layout: Layout, access: Access, name: str, *, flat: bool) -> Lines:
    if not group[0].elementwise:
        return Runs(group[0], layout, access, name).lines
    elements = Elements(group, layout, access, name)
    block = min(power_of_two(elements.count), BLOCK)
    if flat:
        indices = f"tl.program_id(1) * {block} + tl.arange(0, {block})"
        return [*block_of(name, indices, elements.count), *elements.lines]
    return over(name, elements.count, block, elements.lines)


def _blocks(kernel: Kernel) -> int:
    """Return among how many programs a row is shared out."""
    return max(-(-prod(group[0].space) // BLOCK) for group in kernel.groups)


def _warps(kernel: Kernel) -> int:
    """Return how many warps a program has: a thread for every 4 elements, where there are so many."""
    read = (node for group in kernel.groups for task in group for node in (task.node, *task.args))
    most = max((prod(node.shape) for node in read), default=1)
    return min(max(power_of_two(min(most, BLOCK)) // 128, 1), 8)
