"""A function of input and state, called where NaN, infinities and zeros meet: its values and its slopes."""

import math

import torch
from engine_compare import assert_runs
from engine_operators import WIDTH
from engine_toys import Toy

from recurra import sequence

NAN, INF = math.nan, math.inf
GRID = torch.tensor([NAN, INF, -INF, 0.0, 1.0, -2.0], dtype=torch.float64)


class Of(Toy):
    """Puts out a function of input and state, and leaves the state alone."""

    def __init__(self, function):
        super().__init__(WIDTH, hidden_size=WIDTH)
        self.function = function

    def step(self, x, h):
        return self.function(x, h), h


def pairs():
    """Return x and h in which all numbers of the grid meet, and each is alone among others."""
    alone = [torch.tensor([0.5, -1.0, v, 2.0, 0.3, -0.7], dtype=torch.float64) for v in (NAN, INF, -INF)]
    x = torch.stack([*(GRID.roll(i) for i in range(6)), *alone])
    h = torch.stack([*[GRID] * 6, *alone[::-1]])
    return x[:, None].requires_grad_(), h.requires_grad_()


def found(function, level):
    cell = Of(function).double()
    x, h = pairs()
    assert level == "loop" or assert_runs(cell, x, h, level) is None
    with sequence.using(level):
        y, _ = cell(x, h)
    slopes = torch.linspace(0.5, 2, y.numel(), dtype=y.dtype).view_as(y)
    gradients = torch.autograd.grad(y, [x, h], slopes, allow_unused=True)
    return dict(zip(("y", "x", "h"), (y, *gradients), strict=True))


def assert_found_alike(function, level):
    """Fail unless a level has the loop's numbers, NaN and infinities, in values and slopes."""
    got, want = (found(function, which) for which in (level, "loop"))
    for what, expected in want.items():
        a, b = (
            torch.zeros(9, WIDTH).double() if t is None else t.reshape(9, -1) for t in (got[what], expected)
        )
        torch.testing.assert_close(
            a, b, rtol=1e-10, atol=1e-10, equal_nan=True, msg=lambda m, n=what: f"{n}: {m}"
        )
