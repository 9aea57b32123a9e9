"""Triton for tasks in which every result is of a run of numbers: sums, products of a row, softmax.

A block is a matrix: results `{name}k_i` downwards, the numbers of each `{name}g_i` across.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from recurra_engine.cuda.addressing import Access
from recurra_engine.cuda.expressions import place, power_of_two
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.views import View

BLOCK = 1024
"""How many elements of a run, or of an elementwise group, a program works on at once."""
MOST = 2 * BLOCK
"""How many elements of a block of runs."""
Lines = list[str]


@dataclass(frozen=True)
class Factor:
    """What is read: its view, and its strides over the results and along a run."""

    view: View
    down: Sequence[int]
    across: Sequence[int]


class Runs:
    """The lines of one such task.

    Args:
        task: What is done.
        layout: Where values lie.
        access: How they are read and stored.
        name: What the task's variables begin with.
    """

    def __init__(self, task: Task, layout: Layout, access: Access, name: str) -> None:
        self.task, self.access, self.name = task, access, name
        self.views = [layout.views[arg] for arg in task.args]
        spaces = {"dot": self._dot, "gemm": self._dot, "softmax": self._last}
        self.kept, self.gone, self.factors, self.to = spaces.get(task.kind, self._dims)()
        self.across = min(power_of_two(prod(self.gone)), BLOCK)
        self.down = min(power_of_two(prod(self.kept)), max(MOST // self.across, 1))
        self.lines = self._softmax() if task.kind == "softmax" else self._reduced()

    # --- what is read ---------------------------------------------------------------------------------------

    def _dot(self) -> tuple[list[int], list[int], list[Factor], list[int]]:
        (z, i, k), j = self.task.args[0].shape, self.task.node.shape[2]
        a, b = (view.layout.stride() for view in self.views)
        left = Factor(self.views[0], [a[0], a[1], 0], [a[2]])
        right = Factor(self.views[1], [b[0], 0, b[2]], [b[1]])
        return [z, i, j], [k], [left, right], list(self.task.target.layout.stride())

    def _last(self) -> tuple[list[int], list[int], list[Factor], list[int]]:
        return self._over([len(self.task.node.shape) - 1])

    def _dims(self) -> tuple[list[int], list[int], list[Factor], list[int]]:
        return self._over(self.task.node.data[0])

    def _over(self, dims: Sequence[int]) -> tuple[list[int], list[int], list[Factor], list[int]]:
        (view,), shape = self.views, self.task.args[0].shape
        strides, target = view.layout.stride(), self.task.target.layout.stride()
        down = [d for d in range(len(shape)) if d not in dims]
        across = sorted(dims, key=lambda d: -strides[d])
        factor = Factor(view, [strides[d] for d in down], [strides[d] for d in across])
        return [shape[d] for d in down], [shape[d] for d in across], [factor], [target[d] for d in down]

    def _read(self, factor: Factor) -> str:
        return self.access.load(factor.view, self._places(factor), f"{self.name}_m")

    def _places(self, factor: Factor) -> str:
        down = place(f"{self.name}k_i", self.kept, factor.down, factor.view.offset)
        across = place(f"{self.name}g_i", self.gone, factor.across)
        return f"{down}[:, None] + {across}[None, :]"

    # --- what is done ---------------------------------------------------------------------------------------

    def _reduced(self) -> Lines:
        add, made = f"{self.name}_a + {{}}", f"tl.sum({self.name}_a, 1)"
        value, start = " * ".join(map(self._read, self.factors)), "0.0"
        if self.task.kind == "amax":
            add, made = f"larger({self.name}_a, {{}})", f"largest({self.name}_a)"
            value, start = self._or_lowest(value), "float('-inf')"
        target = place(f"{self.name}k_i", self.kept, self.to, self.task.target.offset)
        return self._over_results(
            [
                *self._accumulated("a", start, add.format(value)),
                f"{self.name}_v = {made}",
                *self.access.store(self.task, target, f"{self.name}_v", f"{self.name}k_m"),
            ]
        )

    def _softmax(self) -> Lines:
        """Go three times over each run: for its largest number, for the sum of powers, for the quotients."""
        n, read = self.name, self._or_lowest(self._read(self.factors[0]))
        power = f"tl.where({n}_m, tl.exp({read} - {n}_top[:, None]), 0.0)"
        step = self.task.target.layout.stride()[-1]
        target = self._places(Factor(self.task.target, self.to, [step]))
        store = self.access.store(self.task, target, f"{n}_v", f"{n}_m")
        return self._over_results(
            [
                *self._accumulated("a", "float('-inf')", f"larger({n}_a, {read})"),
                f"{n}_top = tl.where({n}k_m, largest({n}_a), 0.0)",  # -inf - -inf would be no number
                *self._accumulated("b", "0.0", f"{n}_b + {power}"),
                f"{n}_sum = tl.where({n}k_m, tl.sum({n}_b, 1), 1.0)[:, None]",
                *self._along([f"{n}_v = {power} / {n}_sum", *store]),
            ]
        )

    def _or_lowest(self, value: str) -> str:
        return f"tl.where({self.name}_m, {value}, float('-inf'))"

    def _accumulated(self, which: str, start: str, add: str) -> Lines:
        name = f"{self.name}_{which}"
        begin = f"{name} = tl.full(({self.down}, {self.across}), {start}, {self.access.kind})"
        return [begin, *self._along([f"{name} = {add}"])]

    def _along(self, body: Lines) -> Lines:
        mask = f"{self.name}_m = {self.name}k_m[:, None] & {self.name}g_m[None, :]"
        return over(f"{self.name}g", prod(self.gone), self.across, [mask, *body])

    def _over_results(self, body: Lines) -> Lines:
        return over(f"{self.name}k", prod(self.kept), self.down, body)


def over(name: str, n: int, block: int, body: Lines) -> Lines:
    """Return a loop over blocks of n elements, without the loop where there is one block."""
    if n <= block:
        return [*block_of(name, f"tl.arange(0, {block})", n), *body]
    inside = [*block_of(name, f"{name}_o + tl.arange(0, {block})", n), *body]
    return [f"for {name}_o in range(0, {n}, {block}):", *indented(inside)]


def block_of(name: str, indices: str, n: int) -> Lines:
    """Return the lines that make a block of indices and its mask."""
    return [f"{name}_i = {indices}", f"{name}_m = {name}_i < {n}"]


def indented(lines: Sequence[str]) -> Lines:
    """Return lines further to the right."""
    return [f"    {line}" for line in lines]
