"""How a cell is called, drawn with it; and what comes out of a call: results and gradients by name."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fuzzing.cells import Draft
from recurra import Cell, leaves, map_state, sequence

BAD = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e30, 1e-30)


@dataclass(frozen=True)
class Call:
    """A call.

    Attributes:
        seed: Of the numbers.
        batch, steps: The sizes of x (B, T, I).
        lengths: Valid steps of each row, or None.
        resets: Whether some states are reset.
        states: Whether the state after every step is returned.
        given: Whether the state to start from is given, or the initial one.
        wild: Whether x and the state hold NaN and infinities.
        training: The mode of the cell.
        of_x: Whether the gradient of x is wanted.
        gradients: Whether any is.
        second: Whether second derivatives are.
        twice: Whether the cell goes on from where it has ended.
        numbers: float64, float32, or autocast.
    """

    seed: int
    batch: int
    steps: int
    lengths: tuple[int, ...] | None
    resets: bool
    states: bool
    given: bool
    wild: bool
    training: bool
    of_x: bool
    gradients: bool
    second: bool
    twice: bool
    numbers: str

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the cell and x."""
        return torch.float64 if self.numbers == "float64" else torch.float32

    @property
    def traits(self) -> list[str]:
        """Return what is special about it."""
        named = {
            "one row": self.batch == 1,
            "one step": self.steps == 1,
            "lengths": self.lengths is not None,
            "a length of zero": self.lengths is not None and 0 in self.lengths,
            "resets": self.resets,
            "states": self.states,
            "given state": self.given,
            "NaN and infinities": self.wild,
            "training mode": self.training,
            "no gradients": not self.gradients,
            "second derivatives": self.second,
            "called twice": self.twice,
        }
        return [*(name for name, holds in named.items() if holds), self.numbers]

    def __str__(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in vars(self).items() if v not in (False, None))


def call(d: Draft) -> Call:
    """Draw how a cell is called."""
    drawn = random.Random(f"call {d.seed}:{d.number}")
    chance = lambda share: drawn.random() < share  # noqa: E731
    batch, steps = drawn.choice((1, 2, 2, 3, 5)), drawn.choice((1, 2, 3, 3, 4, 6))
    lengths = tuple(drawn.randint(0, steps) for _ in range(batch)) if chance(0.3) else None
    numbers = "float64" if d.wild else drawn.choices(("float64", "float32", "autocast"), (14, 3, 2))[0]
    gradients = chance(0.9)
    return Call(
        d.number,
        batch,
        steps,
        lengths,
        chance(0.1),
        chance(0.1),
        chance(0.6),
        d.wild,
        chance(0.5),
        chance(0.8),
        gradients,
        gradients and numbers == "float64" and not d.wild and chance(0.15),
        chance(0.1),
        numbers,
    )


def numbers(cell: Cell[Any], c: Call) -> tuple[Tensor, Any, Tensor | None]:
    """Return x, a state to start from (or None), and which states are reset."""
    g = torch.Generator().manual_seed(c.seed)
    x = _spoiled(torch.randn(c.batch, c.steps, cell.input_size, generator=g, dtype=torch.float64), c, g)
    x = x.to(c.dtype).requires_grad_(c.of_x)
    state = None
    if c.given:
        fill = lambda s: 0.5 * torch.randn(s.shape, generator=g, dtype=torch.float64)  # noqa: E731
        state = map_state(
            lambda s: _spoiled(fill(s), c, g).to(c.dtype).requires_grad_(c.gradients),
            cell.initial_state(c.batch),
        )
    resets = torch.rand(c.batch, c.steps, generator=g) < 0.3 if c.resets else None
    return x, state, resets


def _spoiled(value: Tensor, c: Call, g: torch.Generator) -> Tensor:
    if c.wild:
        for _ in range(max(1, value.numel() // 8)):
            place = int(torch.randint(value.numel(), (), generator=g))
            value.view(-1)[place] = BAD[int(torch.randint(len(BAD), (), generator=g))]
    return value


def results(cell: Cell[Any], c: Call, level: str) -> dict[str, Tensor | None]:
    """Return y, the final state, and the gradients of x, the state and every weight, at a level."""
    x, state, resets = numbers(cell, c)
    with sequence.using(level), torch.set_grad_enabled(c.gradients):
        return _called(cell.train(c.training), c, x, state, resets)


def _called(cell: Cell[Any], c: Call, x: Tensor, state: Any, resets: Any) -> dict[str, Tensor | None]:
    lengths = None if c.lengths is None else torch.tensor(c.lengths)
    given = {"lengths": lengths, "resets": resets, "states": c.states}
    with torch.autocast("cpu", torch.bfloat16, enabled=c.numbers == "autocast"):
        y, after = cell(x, state, **given)
        if c.twice and not c.states:
            again, after = cell(x.flip(1), after, lengths=lengths)
            y = torch.cat([y, again], 1)
    found = {"y": y, **dict(leaves(after, "final"))}
    wanted = {
        "x": x,
        **dict(leaves(() if state is None else state, "state")),
        **dict(cell.named_parameters()),
    }
    wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
    return {**{n: v.detach() for n, v in found.items()}, **_gradients(found, wanted, c)}


def _gradients(found: dict[str, Tensor], wanted: dict[str, Tensor], c: Call) -> dict[str, Tensor | None]:
    first = _pulled(found, wanted, c.seed + 1, c.second)
    made = {f"gradient of {n}": None if g is None else g.detach() for n, g in first.items()}
    if c.second:
        again = {n: torch.zeros_like(wanted[n]) if g is None else g for n, g in first.items()}
        second = _pulled(again, wanted, c.seed + 2, False)
        made |= {f"second derivative of {n}": g for n, g in second.items()}
    return made


def _pulled(
    of: dict[str, Tensor], wanted: dict[str, Tensor], seed: int, again: bool
) -> dict[str, Tensor | None]:
    """Return the gradients of a sum in which no two elements count alike."""
    g = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(v.shape, generator=g, dtype=torch.float64).to(v.dtype) for v in of.values()]
    pairs = [(value, w) for value, w in zip(of.values(), drawn, strict=True) if value.requires_grad]
    if not pairs or not wanted:
        return dict.fromkeys(wanted)
    values, weights = zip(*pairs, strict=True)
    found = torch.autograd.grad(values, list(wanted.values()), weights, create_graph=again, allow_unused=True)
    return dict(zip(wanted, found, strict=True))


def in_double(c: Call) -> Call:
    """Return the same call in float64, which says what is right in fewer digits."""
    return replace(c, numbers="float64")
