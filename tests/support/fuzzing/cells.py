"""Cell number N of seed S: always the same text, whatever was drawn before it.

`templates` and `parts` hold the constructs, `writer` draws what they need. `calls` draws how one is called,
`trials` compares it with the loop, `rounding` says what of a difference is rounding, and `minimise` shortens.
"""

from __future__ import annotations

import linecache
import random
import re
from dataclasses import dataclass, replace
from types import ModuleType

import torch

from fuzzing.parts import PREAMBLE, WRITERS
from fuzzing.templates import FAMILIES, GUARDED, PARTS_OF
from fuzzing.writer import Drawn, Misfit, Statement, Writer
from recurra import Cell

WEIGHTS = {
    "activations": 2.0,
    "elementwise": 4,
    "guarded": 2,
    "reductions": 3,
    "scans and orders": 1.2,
    "movement": 3,
    "parts": 2,
    "products": 4,
    "weights alone": 0.8,
    "in place": 1,
    "shapes": 2,
    "modules": 1,
    "parametrizations": 0.4,
    "own gradients": 0.3,
}
"""How likely each family of constructs is."""
SIZES = (1, 2, 3, 4, 5, 8, 17, 20)
NOT_WILD = frozenset(
    {"inverse of a row's matrix", "MultiheadAttention", "fft", "complex numbers", "absolute of complex"}
)
"""Torch raises an error for NaN, or computes numbers together that do not belong together."""
MATRICES, ROWS = ((2, 3), (3, 1), (4, 2), (1, 5), (3, 6)), 1
HEAD = """import torch
from typing import NamedTuple
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from recurra import Cell
"""


@dataclass(frozen=True)
class Draft:
    """A cell in parts, from which parts can be taken.

    Attributes:
        seed, number: Which cell it is.
        wild: Whether it is called with NaN and infinities.
        inputs, outputs: The widths of x and y.
        preamble: The names of what it defines before itself.
        init: The lines of `__init__`.
        state: The structure of the state: a shape, or a tuple of structures with the name of its class.
        starts: Lines of `initial_state`, one expression for each leaf.
        unpacked: The names that the leaves get in the step.
        statements: The step.
        y: The output, an expression.
        after: The state after the step, an expression for each leaf.
    """

    seed: int
    number: int
    wild: bool
    inputs: int
    outputs: int
    preamble: tuple[str, ...]
    init: tuple[str, ...]
    state: tuple | str
    starts: tuple[str, ...]
    unpacked: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    statements: tuple[Statement, ...]
    y: str
    after: tuple[str, ...]

    @property
    def constructs(self) -> list[str]:
        """Return the constructs of its statements."""
        return [statement.construct for statement in self.statements]

    @property
    def takes_parts(self) -> bool:
        """Say whether autograd fills up gradients with zeros, which the engine leaves out."""
        return any(c in PARTS_OF or c.startswith(("in place", "split_with", "conv")) for c in self.constructs)

    @property
    def forgets(self) -> bool:
        """Say whether something of the state is not read, or not for its gradient."""
        pending, seen = [self.y, *self.after], set()
        made = {s.name: " ".join(s.lines) for s in self.statements}
        while pending:
            names = set(re.findall(r"\b[st]\d+\b", pending.pop())) - seen
            seen |= names
            pending += [made[name] for name in names & made.keys()]
        return any(".detach()" in text for text in (*made.values(), *self.after)) or not seen >= {
            *self.unpacked
        }


def draft(seed: int, number: int) -> Draft:
    """Draw a cell."""
    drawn = random.Random(f"{seed}:{number}")
    torch.manual_seed(number)
    w = Writer(drawn, drawn.random() < 0.2, drawn.choice((1, 2, 3, 5)))
    shapes = [_leaf(drawn) for _ in range(drawn.choice((1, 1, 1, 2, 2, 3, 4)))]
    names = [f"s{i}" for i in range(len(shapes))]
    state = _nested(drawn, iter(range(len(shapes))), len(shapes))
    for name, shape in zip(names, shapes, strict=True):
        w.give(name, 0.5 * torch.randn(2, *shape, dtype=torch.float64))
    for _ in range(drawn.randint(2, 12)):
        _statement(w)
    after = [_following(w, name, shape) for name, shape in zip(names, shapes, strict=True)]
    y = _as_row(w)
    starts = [_start(w, shape) for shape in shapes]
    return Draft(
        seed,
        number,
        w.wild,
        w.inputs,
        w.shape(y)[0],
        tuple(sorted(w.preamble)),
        tuple(w.init),
        state,
        tuple(starts),
        tuple(names),
        tuple(shapes),
        tuple(w.statements),
        y,
        tuple(after),
    )


def _leaf(drawn: random.Random) -> tuple[int, ...]:
    return (drawn.choice(SIZES),) if drawn.random() < 0.75 else drawn.choice(MATRICES)


def _nested(drawn: random.Random, names: object, n: int) -> tuple | str:
    """Return the structure of n leaves: (kind, parts), a leaf being its number."""
    if n == 1 and drawn.random() < 0.6:
        return str(next(names))
    first = drawn.randint(1, n)
    parts = [_nested(drawn, names, first)] if first < n else [str(next(names)) for _ in range(n)]
    if first < n:
        parts += [_nested(drawn, names, n - first)]
    return (drawn.choice(("tuple", "NamedTuple")), tuple(parts))


def _statement(w: Writer) -> None:
    for _ in range(30):
        family = w.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        table = FAMILIES.get(family) or WRITERS[family]
        construct = w.random.choice(list(table))
        if w.wild and construct in NOT_WILD:
            continue
        before = len(w.statements)
        try:
            _write(w, construct, table[construct])
        except Misfit:
            continue
        w.statements[before:] = [s._replace(construct=construct) for s in w.statements[before:]]
        return


def _write(w: Writer, construct: str, how: object) -> None:
    if callable(how):
        how(w)
        return
    text = how[w.wild and w.random.random() < 0.7] if construct in GUARDED else how
    w.write(construct, text.format_map(Drawn(w)))


def _following(w: Writer, name: str, shape: tuple[int, ...]) -> str:
    """Return the state after a step: mostly a late value that is made to fit, at times a state as it is."""
    kind = w.random.random()
    if kind < 0.06:
        return w.choice(shape)
    if kind < 0.09:
        return f"{name}.detach()"
    fits = [s.name for s in w.statements if s.shape == shape]
    made = w.random.choice(fits) if fits and kind < 0.7 else _fitted(w, shape)
    how = w.random.choice(
        ("torch.tanh({})", "torch.tanh({})", "torch.sin({})", "0.5 * {}", "torch.sigmoid({})")
    )
    mixed = how if kind < 0.8 else f"0.9 * {name} + 0.1 * {how}"
    return w.write("state", mixed.format(made))


def _fitted(w: Writer, shape: tuple[int, ...]) -> str:
    size = shape[0] * (shape[1] if len(shape) > 1 else 1)
    a = w.choice()
    flat = a if len(w.shape(a)) == 1 else f"{a}.flatten(1)"
    n = w.values[a][0].numel()
    text = f"{flat} @ {w.weight(n, size)}"
    return w.write("state", text if len(shape) == 1 else f"({text}).view(-1, {shape[0]}, {shape[1]})")


def _as_row(w: Writer) -> str:
    """Return the output: all that nothing has used so far, or any value."""
    text = "".join(line.split("=", 1)[-1] for s in w.statements for line in s.lines)
    unused = [s.name for s in w.statements if not re.search(rf"\b{s.name}\b", text)]
    if len(unused) > 1 and w.random.random() < 0.7:
        return w.write("output", f"torch.cat([{', '.join(f'{a}.flatten(1)' for a in unused)}], 1)")
    a = w.choice()
    return (
        a if len(w.shape(a)) == 1 and w.random.random() < 0.7 else w.write("output", f"{a}.flatten(1) * 1.5")
    )


def _start(w: Writer, shape: tuple[int, ...]) -> str:
    zeros = f"self.zeros(batch_size, {', '.join(map(str, shape))})"
    kind = w.random.random()
    if kind < 0.5:
        return zeros
    return f"{zeros} + 0.3" if kind < 0.7 else f"{zeros} + {w.weight(*shape)}"  # a learned start


def _tree(structure: tuple | str, leaves: tuple[str, ...], classes: list[str]) -> str:
    """Return the expression of a state, and define the classes it needs."""
    if isinstance(structure, str):
        return leaves[int(structure)]
    kind, parts = structure
    inside = [_tree(part, leaves, classes) for part in parts]
    if kind == "tuple":
        return f"({', '.join(inside)},)"
    fields = "\n".join(f"    f{i}: object" for i in range(len(parts)))
    name = f"State{len(classes)}"
    classes.append(f"\n\nclass {name}(NamedTuple):\n{fields}\n")
    return f"{name}({', '.join(inside)})"


def source(d: Draft) -> str:
    """Return the text of a cell, which can be pasted into a file."""
    classes: list[str] = []
    start = _tree(d.state, d.starts, classes)
    after = _tree(d.state, d.after, [])
    unpacked = _tree(_plain(d.state), d.unpacked, []) + " = s" if d.unpacked else "pass"
    lines = [unpacked, *(line for s in d.statements for line in s.lines), f"return {d.y}, {after}"]
    inside = lambda text: f"        {text}"  # noqa: E731
    return "\n".join(
        [
            HEAD,
            *(PREAMBLE[name] for name in d.preamble),
            *classes,
            "",
            "class Drawn(Cell):",
            "    def __init__(self):",
            inside(f"super().__init__({d.inputs}, {d.outputs})"),
            *map(inside, d.init),
            "",
            "    def initial_state(self, batch_size):",
            inside(f"return {start}"),
            "",
            "    def step(self, x, s):",
            *map(inside, lines),
            "",
        ]
    )


def _plain(structure: tuple | str) -> tuple | str:
    if isinstance(structure, str):
        return structure
    return ("tuple", tuple(_plain(part) for part in structure[1]))


def built(d: Draft, text: str | None = None) -> Cell:
    """Return the cell of a draft, with the same weights at every call."""
    text = source(d) if text is None else text
    module = ModuleType(f"drawn_{d.seed}_{d.number}")
    file = f"{module.__name__}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), vars(module))
    torch.manual_seed(d.number)
    return module.Drawn().double()


def with_statements(d: Draft, statements: tuple[Statement, ...]) -> Draft:
    """Return a draft with other statements."""
    return replace(d, statements=statements)
