"""Draws values, weights and modules, and writes statements: each is tried on two rows before it stays."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fuzzing.parts import PREAMBLE, namespace

Shape = tuple[int, ...]
LARGEST, MOST_ELEMENTS = 30.0, 200


class Statement(NamedTuple):
    """Lines of a step that make one value.

    Attributes:
        name: Of the value.
        shape: Of the value for one row.
        lines: The text.
        construct: What it is an example of.
    """

    name: str
    shape: Shape
    lines: tuple[str, ...]
    construct: str


class Misfit(Exception):
    """What a construct needs is not there, or it does not work with what was drawn."""


@dataclass
class Writer:
    """The text of a step so far.

    Args:
        random: Draws everything.
        wild: Whether NaN and infinities are wanted.
        inputs: The width of x.
    """

    random: random.Random
    wild: bool
    inputs: int
    init: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    preamble: set[str] = field(default_factory=set)
    weights: dict[str, Shape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = nn.Module()
        self.names = {**namespace(), "self": self.held}
        self.values: dict[str, Tensor] = {}
        self.give("x", torch.randn(2, self.inputs, dtype=torch.float64))

    def give(self, name: str, value: Tensor) -> None:
        """Add a value for statements to use."""
        self.names[name] = self.values[name] = value

    # --- what statements are made of ------------------------------------------------------------------------

    def choice(self, wanted: Shape | int | None = None, but: str = "") -> str:
        """Return a value of a shape, of a number of dimensions, or any; later ones are likelier."""
        fits = [n for n, v in self.values.items() if wanted in (None, tuple(v.shape[1:]), v.dim() - 1)]
        if not fits:
            raise Misfit(f"no value is like {wanted}")
        later = [n for n in fits if n != but][-6:] or fits
        return self.random.choice(self.random.choice((later, fits)))

    def shape(self, name: str) -> Shape:
        """Return the shape of a value for one row."""
        return tuple(self.values[name].shape[1:])

    def weight(self, *shape: int) -> str:
        """Return a weight: new, or one that is there; trainable, frozen, or a buffer."""
        known = [name for name, own in self.weights.items() if own == shape]
        if known and self.random.random() < 0.35:
            return self.random.choice(known)
        name = f"self.w{len(self.weights)}"
        drawn = f"torch.randn({', '.join(map(str, shape))}, dtype=torch.float64) * 0.5"
        kind = self.random.random()
        frozen = ", requires_grad=False" if kind < 0.1 else ""
        made = f"{name} = nn.Parameter({drawn}{frozen})"
        self.prepare(made if kind < 0.9 else f"self.register_buffer('{name[5:]}', {drawn})")
        self.weights[name] = shape
        return name

    def module(self, text: str) -> str:
        """Return the name of a new module."""
        name = f"self.m{len(self.init)}"
        self.prepare(f"{name} = {text}.double()")
        return name

    def prepare(self, line: str) -> None:
        """Run a line of `__init__`."""
        exec(line, self.names)
        self.init.append(line)

    def define(self, name: str) -> str:
        """Put a class or function of the preamble into the text."""
        self.preamble.add(name)
        assert name in PREAMBLE
        return name

    # --- statements -----------------------------------------------------------------------------------------

    def write(self, construct: str, text: str, *more: str) -> str:
        """Add a statement that makes a value, and return its name.

        Args:
            construct: What it is an example of.
            text: An expression.
            more: Lines after it, in which `@t` is the value's name.
        """
        name = f"t{len(self.statements)}"
        value = self._tried(name, [f"{name} = {text}", *(line.replace("@t", name) for line in more)])
        if value.dim() == 1:
            text, value = f"({text})[:, None]", value[:, None]
        if not self.wild and float(value.detach().abs().max()) > LARGEST:
            text, value = f"torch.tanh({text})", torch.tanh(value)
        lines = (f"{name} = {text}", *(line.replace("@t", name) for line in more))
        self.statements.append(Statement(name, tuple(value.shape[1:]), lines, construct))
        self.give(name, self._tried(name, lines))
        return name

    def _tried(self, name: str, lines: list[str] | tuple[str, ...]) -> Tensor:
        known = dict(self.names)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec("\n".join(lines), known)
        except (RuntimeError, IndexError, ValueError, TypeError, AssertionError) as error:
            raise Misfit(str(error)) from error
        value = known[name]
        fits = isinstance(value, Tensor) and value.dtype == torch.float64 and value.dim() <= 3
        if not fits or value.shape[0] != 2 or not 0 < value[0].numel() <= MOST_ELEMENTS:
            raise Misfit("it is not a value of rows")
        if not self.wild and not bool(value.isfinite().all()):
            raise Misfit("it is not finite")
        return value.detach()


class Drawn(dict[str, str]):
    """What the letters of a template stand for, drawn when they are met."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.w = writer

    def __missing__(self, key: str) -> str:
        made: str = getattr(self, f"_{key}")()
        self[key] = made
        return made

    def _last(self) -> int:
        met = next((key for key in ("a", "r", "m") if key in self), "a")
        return self.w.shape(self[met])[-1]

    def _a(self) -> str:
        return self.w.choice()

    def _o(self) -> str:
        return self.w.choice(self.w.shape(self["a"]), but=self["a"])

    def _b(self) -> str:
        shape = self.w.shape(self["a"])
        kind = self.w.random.random()
        if kind < 0.5:
            return self._o()
        if kind < 0.7:
            return self.w.weight(shape[-1])
        if kind < 0.8:
            return self.w.weight(*shape)
        return self.w.choice((1,) * len(shape)) if kind < 0.9 else self._c()

    def _r(self) -> str:
        return self.w.choice(1)

    def _s(self) -> str:
        return self.w.choice(self.w.shape(self["r"]), but=self["r"])

    def _q(self) -> str:
        return self.w.choice(1)

    def _m(self) -> str:
        return self.w.choice(2)

    def _n(self) -> str:
        return self.w.choice(self.w.shape(self["m"]), but=self["m"])

    def _t(self) -> str:
        n = self.w.shape(self["m"])[-1]
        try:
            return self.w.choice((n,))
        except Misfit:
            row = self.w.choice(1)
            return f"({row} @ {self.w.weight(self.w.shape(row)[0], n)})"

    def _d(self) -> str:
        rank = len(self.w.shape(self["a"]))
        return str(self.w.random.choice([*range(1, rank + 1), *range(-rank, 0)]))

    def _e(self) -> str:
        return str(self.w.random.choice((1, 2, -1, -2)))

    def _u(self) -> str:
        return str(self.w.random.choice((1, 2)))

    def _k(self) -> str:
        return self.w.random.choice(("True", "False"))

    def _i(self) -> str:
        return str(self.w.random.choice((0, 1, 2)))

    def _c(self) -> str:
        return str(self.w.random.choice((-1.5, -0.5, -0.1, 0.0, 0.3, 0.5, 1.0, 2.0)))

    def _p(self) -> str:
        return str(self.w.random.choice((0.1, 0.5, 0.7, 1.0, 2.0)))

    def _I(self) -> str:
        size = self.w.shape(self["r"])[-1]
        return str([self.w.random.randrange(size) for _ in range(self.w.random.randint(1, 5))])

    def _V(self) -> str:
        return self.w.weight(self._last())

    def _W(self) -> str:
        return self.w.weight(self.w.shape(self["r"])[-1], self.w.random.choice((1, 2, 3, 5, 8, 17)))

    def _S(self) -> str:
        return self.w.weight(*[self.w.shape(self["r"])[-1]] * 2)

    def _G(self) -> str:
        n = self.w.shape(self["r"])[-1]
        return self.w.weight(n, 2 * n)

    def _J(self) -> str:
        joined = self.w.shape(self["r"])[-1] + self.w.shape(self["q"])[-1]
        return self.w.weight(joined, self.w.random.choice((1, 3, 4, 17)))

    def _X(self) -> str:
        return self.w.weight(self.w.shape(self["m"])[-1], self.w.random.choice((1, 2, 4)))

    def _Y(self) -> str:
        return self.w.weight(self.w.random.choice((1, 2, 4)), self.w.shape(self["m"])[0])
