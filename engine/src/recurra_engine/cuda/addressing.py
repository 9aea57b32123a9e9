"""How a kernel reads and stores the values of its row.

    x{i}  streams   (T, B, n)        w{i}  shared               s{i}  scratch                   (B, n)
    o{i}  stored    (T, B, n)        a{i}  sums  (B, n)         f{i}  states of ended rows      (B, n)
    c{i}  carried   (2 or T + 1, B, n): slot k before the k-th step that is done, and k + 1 after it
    h{i}  the same, rounded to what is stored (`Carried`)

A row past its length stores zeros, and hands on what it carried.
"""

from __future__ import annotations

from dataclasses import dataclass

from recurra_engine.cuda.layout import DeviceLayout, is_large
from recurra_engine.cuda.precision import Precision
from recurra_engine.lower.layout import Task
from recurra_engine.lower.views import View


@dataclass(frozen=True)
class Carried:
    """Where one carried value lies.

    Args:
        wide: Whether c holds more digits than are stored.
        rounded: Whether there is an h beside it, which products read or which is kept.
        kept: Whether every step's value is.
    """

    wide: bool
    rounded: bool
    kept: bool

    @property
    def history(self) -> str:
        """The buffer that is kept."""
        return "h" if self.rounded else "c"

    def slots(self, kind: str, steps: int) -> int:
        """Return how many values c or h holds."""
        return steps + 1 if self.kept and kind == self.history else 2

    def slot(self, kind: str, step: str) -> str:
        """Return the number of a step's slot."""
        return step if self.kept and kind == self.history else f"({step}) % 2"


def carried(layout: DeviceLayout, precision: Precision) -> list[Carried]:
    """Return where each carried value lies."""
    written = layout.multiplied
    read = {
        layout.views[task.args[0]].storage.name
        for task in layout.tasks
        if task.kind == "gemm" and is_large(task.node)
    }
    found = []
    for i in range(len(layout.loop.carried)):
        kept = i in layout.loop.kept
        wide = precision.mixed and f"n{i}" not in written
        rounded = wide and (kept or f"c{i}" in read or f"n{i}" in read)
        found.append(Carried(wide, rounded, kept))
    return found


class Access:
    """Writes loads and stores, and remembers what they need.

    Args:
        carried: Where carried values lie.
        sizes: The numbers that a row has in each buffer.
        kind: The type that is computed in, such as tl.float32.
        ragged: Whether rows have lengths.
    """

    def __init__(self, carried: list[Carried], sizes: dict[str, int], kind: str, *, ragged: bool) -> None:
        self.carried, self.sizes, self.kind, self.ragged = carried, sizes, kind, ragged
        self.used: set[str] = set()

    def load(self, view: View, at: str, mask: str) -> str:
        """Return the expression of a value."""
        return f"tl.load({self._row(view.storage.name)} + {at}, mask={mask}, other=0.0).to({self.kind})"

    def store(self, task: Task, at: str, value: str, mask: str) -> list[str]:
        """Return the lines that put a value where a task wants it."""
        name = task.target.storage.name
        if name[0] == "n":
            return self._hand_on(int(name[1:]), at, value, mask)
        if name[0] == "o" and self.ragged:
            value = self._live(value, "0.0")
        if name[0] == "a":
            value = self._live(value, "0.0") if self.ragged else value
            value = f"tl.load({self._row(name)} + {at}, mask={mask}, other=0.0) + {value}"
        return [self._store(name, at, value, mask)]

    def _hand_on(self, i: int, at: str, value: str, mask: str) -> list[str]:
        where, lines = self.carried[i], []
        for kind in ("c", "h") if where.rounded else ("c",):
            kept = where.kept and kind == where.history
            stored = value
            if self.ragged and kept:
                stored = self._live(value, "0.0")
                if kind == "c":
                    lines.append(self._store(f"f{i}", at, value, f"tl.where(ends, {mask}, False)"))
            elif self.ragged:
                # Where h is not kept it is only read by products, whose results for this row nobody reads.
                old = f"tl.load({self._row(f'{kind}{i}')} + {at}, mask={mask}, other=0.0)"
                stored = self._live(value, old)
            name = f"n{i}" if kind == "c" else f"m{i}"
            lines.append(self._store(name, at, stored, mask))
        return lines

    def _live(self, value: str, otherwise: str) -> str:
        return f"tl.where(live, {value}, {otherwise})"

    def _store(self, name: str, at: str, value: str, mask: str) -> str:
        return f"tl.store({self._row(name)} + {at}, {value}, mask={mask})"

    def _row(self, name: str) -> str:
        self.used.add(name)
        return f"q_{name}"

    def buffers(self) -> list[str]:
        """Return the names of the buffers that are used."""
        return sorted({buffer(name) for name in self.used})

    def rows(self) -> list[str]:
        """Return the lines that find the row in every buffer: q_x is where it begins in x."""
        return [f"q_{name} = {buffer(name)} + {self._begin(name)}" for name in sorted(self.used)]

    def _begin(self, name: str) -> str:
        kind, i = name[0], int(name[1:])
        if kind == "w":
            return "0"
        size = self.sizes[name]
        if kind in "xo":
            return f"(t * wide + r) * {size}"
        if kind not in "cnhm":
            return f"r * {size}"
        slot = self.carried[i].slot("c" if kind in "cn" else "h", "k" if kind in "ch" else "k + 1")
        return f"(({slot}) * wide + r) * {size}"


def buffer(name: str) -> str:
    """Return the buffer in which a storage lies: n and m are the next slots of c and h."""
    return {"n": "c", "m": "h"}.get(name[0], name[0]) + name[1:]
