"""Changes in place of what a step has made itself, and of views of it."""

import pytest
import torch
from engine_cells import made
from engine_compare import assert_level_is_loop, assert_runs, drawn, level_of
from engine_toys import Toy


class Assigning(Toy):
    """A view of a view is changed, and the whole is read; then the whole is, and the view is read."""

    def step(self, x, h):
        a = self.x(x) + h
        part = a.view(-1, 1, 5)[:, 0, 1:4]
        part[:, 1:].mul_(2)
        b = a * 1
        seen = b[:, :2]
        b.tanh_()
        return torch.cat([seen, a[:, 2:]], -1), torch.tanh(b)


class Filling(Toy):
    """Writes parts of x and the state into zeros, across a transposition."""

    def step(self, x, h):
        made = torch.zeros(x.shape[0], 2, 5, dtype=x.dtype)
        made[:, 0] = h
        made.transpose(1, 2)[:, 1:3, 1] = self.x(x)[:, :2]
        made[:, 1, 4] = 7
        h = torch.tanh(made.sum(1) + self.h(h))
        return h, h


class Partly(Toy):
    """Changes a part without a gradient."""

    def step(self, x, h):
        a = self.x(x) + self.h(h)
        with torch.no_grad():
            a[:, :2].clamp_(-0.1, 0.1)
        h = torch.tanh(a)
        return h, h


class Indexed(Toy):
    """Writes to places by number and by mask."""

    def step(self, x, h):
        a = self.x(x) + h
        a[:, [3, 0]] = h[:, :2]
        a[:, torch.tensor([False, True, False, False, True])] *= 0.5
        return a, torch.tanh(self.h(a))


class Strided(Toy):
    """Changes every other element."""

    def step(self, x, h):
        a = self.x(x) + self.h(h)
        a[:, ::2].mul_(2)
        return a, torch.tanh(a)


class Overwriting(Toy):
    """Changes the state that it was given."""

    def step(self, x, h):
        h[:, 0] = 0
        h = torch.tanh(self.x(x) + self.h(h))
        return h, h


@pytest.mark.parametrize("kind", [Assigning, Filling, Partly, Indexed])
def test_a_change_is_seen_by_every_view(kind):
    cell = made(kind)
    x, state = drawn(cell)
    assert_runs(cell, x, state, "scan")
    assert_level_is_loop(cell, x, state, level="scan")


@pytest.mark.parametrize(
    ("kind", "reason"), [(Strided, "more than a slice"), (Overwriting, "that it did not make")]
)
def test_what_cannot_be_followed_runs_in_the_loop(kind, reason):
    cell = made(kind)
    choice = level_of(cell, *drawn(cell), "scan")
    assert choice.level == "loop"
    assert reason in choice.why_not["scan"]
