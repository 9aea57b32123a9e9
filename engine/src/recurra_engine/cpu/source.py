"""The C source of a loop: `run(call, threads, splits)`, around the tasks of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from recurra_engine.cpu.codegen import Emitter
from recurra_engine.cpu.torch_tasks import Place, TorchTask
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.schedule import schedule
from recurra_engine.lower.views import View
from recurra_engine.passes.program import Loop

CACHE = 64 * 1024
"""How many numbers a block of rows works on at once: what a core's second cache holds with room to spare."""
FEWEST, MOST = 4, 16


@dataclass(frozen=True)
class Source:
    """C code, and what its caller must provide.

    Args:
        text: The code.
        packed: How many numbers the packed matrices take; a bound that no vector width exceeds.
        sums: How many numbers a thread adds up.
        calls: The calls of torch, for which all rows are one block.
        scratch: How many numbers a row of a block needs.
    """

    text: str
    packed: int
    sums: int
    calls: tuple[TorchTask, ...]
    scratch: int


def source(loop: Loop, *, single: bool) -> Source:
    """Return the C source of a loop, for float (`single`) or double."""
    layout = Layout(loop)
    emitter = Emitter(layout)
    step = [line for group in schedule(layout) for line in emitter.group(group)]
    scratch = _Scratch(layout, emitter)
    sums = sum(node.size for node in loop.sums)
    defines = [
        f"#define REAL_IS_FLOAT {int(single)}",
        f"#define ROWS {'call->rows' if emitter.calls else scratch.rows}",
        f"#define SCRATCH {scratch.size}",
        f"#define SUMS {max(sums, 1)}",
        *(f"#define {name} {at}" for name, at in positions(loop).items()),
        *_row_sizes(loop),
    ]
    text = [
        *defines,
        _shipped("kernels.h"),
        _shipped("tiny.h"),
        _shipped("runtime.h"),
        *_packing(emitter),
        *_block(loop, scratch, step),
        *_entry(),
    ]
    calls = tuple(_torch_task(task, layout, scratch.offsets) for task in emitter.calls)
    return Source("\n".join(text), _packed_bound(emitter), sums, calls, scratch.size)


def _torch_task(task: Task, layout: Layout, offsets: dict[str, int]) -> TorchTask:
    def place(view: View) -> Place:
        name, shape = view.storage.name, tuple(view.layout.shape)
        if name in offsets:
            return Place(shape, offsets[name])
        return Place(shape, int(name[1:]), (tuple(view.layout.stride()), view.offset))

    return TorchTask(task.node.data[0], [place(layout.views[arg]) for arg in task.args], place(task.target))


def _shipped(name: str) -> str:
    return files("recurra_engine.cpu").joinpath(name).read_text()


def _row_sizes(loop: Loop) -> list[str]:
    lines = []
    for kind, nodes in (("c", loop.carried), ("n", loop.after), ("o", loop.out)):
        lines += [f"#define {kind}{i}_row {node.size}L" for i, node in enumerate(nodes)]
    return lines


class _Scratch:
    """Where scratch lies, one run of rows after another."""

    def __init__(self, layout: Layout, emitter: Emitter) -> None:
        self.offsets: dict[str, int] = {}
        self.size = 0
        for storage in layout.scratch:
            if storage.name in emitter.used:
                self._add(storage.name, storage.size)
        for i, node in enumerate(layout.loop.carried):
            if i not in layout.loop.kept:
                self._add(f"even{i}", node.size)
                self._add(f"odd{i}", node.size)
        self.rows = max(FEWEST, min(MOST, CACHE // max(self.size, 1)))

    def _add(self, name: str, size: int) -> None:
        self.offsets[name] = self.size
        self.size += -(-size // 16) * 16  # so that every one begins at a vector's border

    def declared(self) -> list[str]:
        return [f"real *const {name} = scratch + {offset}L * ROWS;" for name, offset in self.offsets.items()]


def _packing(emitter: Emitter) -> list[str]:
    """Return the code that lays out the shared matrices, and a name for where each begins."""
    places, sizes, calls = [], ["0L"], []
    for number, view, m in emitter.packed.values():
        _, k, n = view.layout.shape
        to_matrix, to_row, to_column = view.layout.stride()
        places.append(f"#define packed_{number} ({' + '.join(sizes)})")
        sizes.append(f"(packed_size({k}, {n}) + 31) / 32 * 32")
        matrix = f"call->at[SHARED_AT + {view.storage.name[1:]}] + {view.offset + m * to_matrix}"
        calls.append(f"pack({matrix}, {k}, {n}, {to_row}, {to_column}, call->packed + packed_{number});")
    return [*places, "static void pack_all(const Call *call) {", *calls, "}"]


def _packed_bound(emitter: Emitter) -> int:
    shapes = [packed.view.layout.shape for packed in emitter.packed.values()]
    return sum(k * (n + 32) + 32 for _, k, n in shapes)


def _block(loop: Loop, scratch: _Scratch, step: Sequence[str]) -> list[str]:
    return [
        "static void block(const Call *call, long first, long rows, real *scratch, real *sums) {",
        "const long T = call->steps, B = call->rows;",
        "const real *const packed = call->packed; (void)packed; (void)sums; (void)scratch; (void)T; (void)B;",
        *scratch.declared(),
        *(
            f"const real *const w{i} = call->at[SHARED_AT + {i}]; (void)w{i};"
            for i in range(len(loop.shared))
        ),
        *_sums(loop),
        *(
            f"const long x{i}_row = call->strides[{2 * i + 1}]; (void)x{i}_row;"
            for i in range(len(loop.streams))
        ),
        *(_backward(loop, step) if loop.reverse else _forward(loop, step)),
        "}",
    ]


def _sums(loop: Loop) -> list[str]:
    lines, at = [], 0
    for i, node in enumerate(loop.sums):
        lines.append(f"real *const a{i} = sums + {at};")
        at += node.size
    return lines


def _at_step(loop: Loop) -> list[str]:
    lines = []
    for i in range(len(loop.streams)):
        where = f"call->at[{i}] + t * call->strides[{2 * i}] + first * x{i}_row"
        lines.append(f"const real *const x{i} = {where}; (void)x{i};")
    lines += [
        f"real *const o{i} = call->at[OUT_AT + {i}] + (t * B + first) * o{i}_row;"
        for i in range(len(loop.out))
    ]
    return lines


def _idle(loop: Loop) -> list[str]:
    """Store zeros for rows that have no such step, and leave the step out where no row has it."""
    kept = "zero_rows(n{i} + active * c{i}_row, rows - active, c{i}_row);"
    lines = [f"zero_rows(o{i} + active * o{i}_row, rows - active, o{i}_row);" for i in range(len(loop.out))]
    lines += [kept.format(i=i) for i in loop.kept]
    return [*lines, "if (!active) continue;"]


def _each(loop: Loop, line: str) -> list[str]:
    return [line.format(i=i) for i in range(len(loop.carried))]


def _forward(loop: Loop, step: Sequence[str]) -> list[str]:
    kept = {i: f"(call->at[KEPT_AT + {k}] + first * c{i}_row)" for k, i in enumerate(loop.kept)}
    begin = [f"real *c{i} = {kept.get(i, f'even{i}')}, *n{i};" for i in range(len(loop.carried))]
    following = [
        f"n{i} = {kept[i]} + (t + 1) * B * c{i}_row;"
        if i in kept
        else f"n{i} = c{i} == even{i} ? odd{i} : even{i};"
        for i in range(len(loop.carried))
    ]
    return [
        *begin,
        *_each(loop, "copy_rows(c{i}, BEFORE({i}, 0), rows, c{i}_row);"),
        "long active = living(call, first, rows, 0);",
        *_each(
            loop,
            "copy_rows(AFTER({i}, active), c{i} + active * c{i}_row, rows - active, c{i}_row);",
        ),
        "for (long t = 0; t < T; t++) {",
        *_at_step(loop),
        *following,
        *_idle(loop),
        *step,
        "const long going_on = living(call, first, active, t + 1);",
        *_each(
            loop,
            "copy_rows(AFTER({i}, going_on), n{i} + going_on * c{i}_row, active - going_on, c{i}_row);",
        ),
        "active = going_on;",
        *_each(loop, "c{i} = n{i};"),
        "}",
    ]


def _backward(loop: Loop, step: Sequence[str]) -> list[str]:
    return [
        *_each(loop, "real *c{i} = even{i}, *n{i} = odd{i};"),
        "long active = 0;",
        "for (long t = T - 1; t >= 0; t--) {",
        "const long joined = living(call, first, rows, t);",
        *_each(
            loop,
            "copy_rows(c{i} + active * c{i}_row, BEFORE({i}, active), joined - active, c{i}_row);",
        ),
        "active = joined;",
        *_at_step(loop),
        *_idle(loop),
        *step,
        *_each(loop, "{{ real *const swapped = c{i}; c{i} = n{i}; n{i} = swapped; }}"),
        "}",
        *_each(loop, "copy_rows(AFTER({i}, 0), c{i}, active, c{i}_row);"),
        *_each(
            loop,
            "copy_rows(AFTER({i}, active), BEFORE({i}, active), rows - active, c{i}_row);",
        ),
    ]


def _entry() -> list[str]:
    return [
        "int run(const Call *call, long threads, const long *splits) {",
        "pack_all(call);",
        "return run_shares(call, threads, splits);",
        "}",
    ]


def positions(loop: Loop) -> dict[str, int]:
    """Return where each kind of pointer begins in the list that a call gives."""
    n = len(loop.carried)
    begin = [len(loop.streams), len(loop.shared), n, n, len(loop.out)]
    names = ["SHARED_AT", "BEFORE_AT", "AFTER_AT", "OUT_AT", "KEPT_AT"]
    return {name: sum(begin[: i + 1]) for i, name in enumerate(names)}
