"""C for the tasks of a step, each for all active rows of a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from recurra_engine.cpu.elementwise import expression, nest, number
from recurra_engine.ir.graph import OF_TORCH, Node, is_const
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.loop_nests import at, merged
from recurra_engine.lower.schedule import Group, in_register
from recurra_engine.lower.views import Storage, View

Lines = list[str]


class Packed(NamedTuple):
    """A shared matrix in the order in which products read it: the m-th of a view (Z, K, J)."""

    number: int
    view: View
    m: int


class Emitter:
    """Writes C for groups of tasks.

    Args:
        layout: Where values lie.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.packed: dict[tuple[object, ...], Packed] = {}
        self.used: set[str] = set()
        self.calls: list[Task] = []

    def group(self, group: Group) -> Lines:
        """Return the C of a group."""
        first = group[0]
        if first.elementwise:
            return self._elements(group)
        if first.kind == "gemm":
            return self._gemm(first)
        if first.kind in OF_TORCH:
            return self._torch(first)
        return self._per_row(
            [first], {"dot": self._dot, "softmax": self._softmax}.get(first.kind, self._reduce)(first)
        )

    # --- rows -----------------------------------------------------------------------------------------------

    def _per_row(self, tasks: Sequence[Task], body: Lines) -> Lines:
        """Return a loop over rows, in which `q_name` points at the row of a storage."""
        read = {view.storage for task in tasks for view in self._reads(task)}
        written = {task.target.storage for task in tasks}
        pointers = {self._pointer(storage): storage for storage in (*read, *written)}
        targets = {self._pointer(storage) for storage in written}
        text = "\n".join(body)
        lines = ["for (long r = 0; r < active; r++) {"]
        for name, storage in sorted(pointers.items()):
            if name in text:
                self.used.add(storage.name)
                kind = "real *restrict" if name in targets else "const real *"
                lines.append(f"{kind} {name} = {storage.name} + r * {storage.stride};")
        return [*lines, *body, "}"]

    def _pointer(self, storage: Storage) -> str:
        return f"q_{storage.name}"

    def _reads(self, task: Task) -> list[View]:
        return [self.layout.views[arg] for arg in task.args if not is_const(arg)]

    # --- elementwise ----------------------------------------------------------------------------------------

    def _elements(self, group: Group) -> Lines:
        members = set(group)
        order = _outer_first(group[0].target)
        space = tuple(group[0].space[d] for d in order)
        views = [view for task in group for view in (*self._reads(task), task.target)]
        strides = [_strides(view, order) for view in views]
        sizes, kept = merged(space, strides)
        known = {
            (id(view.storage), view.offset, s): k for view, s, k in zip(views, strides, kept, strict=True)
        }
        axes = [f"i{d}" for d in range(len(sizes))]

        def element(view: View) -> str:
            inner = known[id(view.storage), view.offset, _strides(view, order)]
            return f"{self._pointer(view.storage)}[{at(view.offset, inner, axes)}]"

        names = {task: f"v{i}" for i, task in enumerate(group)}
        body: Lines = []
        for task in group:
            values = [self._value(arg, members, names, element) for arg in task.args]
            if task.kind == "add":
                body.append(f"{element(task.target)} += {values[0]};")
                continue
            made = expression(task.node, values) if task.kind == "element" else values[0]
            body.append(f"const real {names[task]} = {made};")
            if self._is_stored(task, members):
                body.append(f"{element(task.target)} = {names[task]};")
        return self._per_row(group, nest(sizes, body))

    def _value(
        self, arg: Node, members: set[Task], names: dict[Task, str], element: Callable[[View], str]
    ) -> str:
        if is_const(arg):
            return number(arg.data[0])
        task = in_register(arg, members, self.layout)
        return names[task] if task else element(self.layout.views[arg])

    def _is_stored(self, task: Task, members: set[Task]) -> bool:
        wanted = task.kind == "copy" or not task.target.storage.name.startswith("s")
        return wanted or task.node in self.layout.placed or any(r not in members for r in task.readers)

    # --- products -------------------------------------------------------------------------------------------

    def _gemm(self, task: Task) -> Lines:
        """Return a product with packed weights for all rows of the block at once."""
        a, w = (self.layout.views[arg] for arg in task.args)
        z, i, k = task.args[0].shape
        j = task.node.shape[2]
        c = task.target
        self.used.update(view.storage.name for view in (a, c))
        lines: Lines = []
        for m in range(z):
            weights = self._pack(task.args[1], w, m)
            for row in range(i):
                left = a.offset + m * a.layout.stride(0) + row * a.layout.stride(1)
                right = c.offset + (m * i + row) * j
                lines.append(
                    f"gemm(active, {k}, {j}, {a.storage.name} + {left}, {a.storage.stride}, "
                    f"packed + {weights}, {c.storage.name} + {right}, {c.storage.stride}, 0);"
                )
        return lines

    def _pack(self, node: Node, view: View, m: int) -> str:
        key = (id(view.storage), view.offset, tuple(view.layout.stride()), tuple(view.layout.shape), m)
        found = self.packed.setdefault(key, Packed(len(self.packed), view, m))
        return f"packed_{found.number}"

    def _torch(self, task: Task) -> Lines:
        """Return a call of torch for all rows of the block at once."""
        self.used.update(view.storage.name for view in (*self._reads(task), task.target))
        self.calls.append(task)
        return [f"if (call->torch({len(self.calls) - 1}, active)) return;"]

    def _dot(self, task: Task) -> Lines:
        """Return the product of two matrices of a row; the innermost loop is one that runs along memory."""
        a, b = (self.layout.views[arg] for arg in task.args)
        c, (z, i, k), j = task.target, task.args[0].shape, task.node.shape[2]
        p, q, o = (self._pointer(view.storage) for view in (a, b, c))
        sa, sb, sc = (view.layout.stride() for view in (a, b, c))
        left = f"{p}[{at(a.offset, sa, ['z', 'i', 'k'])}]"
        right = f"{q}[{at(b.offset, sb, ['z', 'k', 'j'])}]"
        out = f"{o}[{at(c.offset, sc, ['z', 'i', 'j'])}]"
        along = {"j": sb[2] == sc[2] == 1 and j > 1, "i": sa[1] == sc[1] == 1 and i > 1}
        inner = next((axis for axis, good in along.items() if good), "k")
        if inner == "k":
            body = [_for("i", i), _for("j", j) + "{", "real v = 0;", "#pragma omp simd reduction(+ : v)"]
            body += [_for("k", k), f"v += {left} * {right};", f"{out} = v; }}"]
        else:
            outer = _for("i", i) if inner == "j" else _for("j", j)
            loop, value, other = (_for("j", j), left, right) if inner == "j" else (_for("i", i), right, left)
            body = [outer + "{", loop, f"{out} = 0;", _for("k", k) + "{", f"const real v = {value};"]
            body += ["#pragma GCC ivdep", loop, f"{out} += v * {other}; }} }}"]
        return [_for("z", z) + "{", *body, "}"]

    # --- reductions -----------------------------------------------------------------------------------------

    def _reduce(self, task: Task) -> Lines:
        """Return a sum or largest element over some dimensions."""
        (arg,), dims = task.args, task.node.data[0]
        view, target = self.layout.views[arg], task.target
        shape, strides, to = arg.shape, view.layout.stride(), target.layout.stride()
        p, o = self._pointer(view.storage), self._pointer(target.storage)
        falling = sorted(range(len(shape)), key=lambda d: -strides[d])
        kept = [d for d in falling if d not in dims and shape[d] != 1]
        gone = [d for d in falling if d in dims and shape[d] != 1]
        axes = {d: f"i{d}" for d in (*kept, *gone)}
        read = f"{p}[{at(view.offset, [strides[d] for d in axes], list(axes.values()))}]"
        write = f"{o}[{at(target.offset, [to[d] for d in kept], [axes[d] for d in kept])}]"
        add = f"v += {read};" if task.kind == "sum" else f"v = r_max(v, {read});"
        start = "0" if task.kind == "sum" else "-INFINITY"
        if not kept or any(strides[d] == 1 for d in gone) or task.kind != "sum":
            simd = ["#pragma omp simd reduction(+ : v)"] if task.kind == "sum" else []
            loops = [_for(axes[d], shape[d]) for d in gone]
            inner = [f"real v = {start};", *loops[:-1], *simd, loops[-1], add, f"{write} = v;"]
            return [*(_for(axes[d], shape[d]) for d in kept), "{", *inner, "}"]
        clear = [*(_for(axes[d], shape[d]) for d in kept), f"{write} = 0;"]
        outer = [_for(axes[d], shape[d]) for d in (*gone, *kept)]
        return [*clear, *outer[:-1], "#pragma GCC ivdep", outer[-1], f"{write} += {read};"]

    def _softmax(self, task: Task) -> Lines:
        """Return exp(a - max a) over its sum, along the last dimension."""
        (arg,) = task.args
        view, target = self.layout.views[arg], task.target
        *lead, n = arg.shape
        axes = [f"i{d}" for d in range(len(lead))]
        strides = view.layout.stride()
        read = f"{self._pointer(view.storage)}[{at(view.offset, strides, [*axes, 'k'])}]"
        to = target.layout.stride()
        write = f"{self._pointer(target.storage)}[{at(target.offset, to, [*axes, 'k'])}]"
        loop = _for("k", n)
        body = [
            *(
                "real m = -INFINITY, v = 0;",
                "#pragma omp simd reduction(max : m)",
                loop,
                f"m = {read} > m ? {read} : m;",
            ),
            *("#pragma GCC ivdep", loop, f"{write} = r_exp({read} - m);"),
            *("#pragma omp simd reduction(+ : v)", loop, f"v += {write};"),
            *("const real scale = 1 / v;", "#pragma GCC ivdep", loop, f"{write} *= scale;"),
        ]
        return [*(_for(axis, size) for axis, size in zip(axes, lead, strict=True)), "{", *body, "}"]


def _for(axis: str, size: int) -> str:
    return f"for (long {axis} = 0; {axis} < {size}; {axis}++)"


def _outer_first(view: View) -> list[int]:
    """Return a view's dimensions longer than 1, from the largest stride to the smallest."""
    _, strides = view.squeezed
    return sorted(range(len(strides)), key=lambda d: -strides[d])


def _strides(view: View, order: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a view over a loop's dimensions, in that order."""
    _, strides = view.squeezed
    return tuple(strides[d] for d in order)
