"""Tensors that are no weights follow their changes; what an operation cannot stand for runs in the loop."""

import argparse
import random
import time

import numpy as np
import pytest
import torch
from engine_cells import made
from engine_compare import assert_alike, assert_follows, drawn, level_of, outputs, results
from engine_toys import Toy
from torch import nn

ROW, OUTSIDE, CALLS = torch.full((5,), 1.5).double(), nn.Linear(3, 5).double(), [0]


class Reading(Toy):
    """Multiplies by a tensor, which its subclass reads."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.row, self.rows = ROW.clone(), [ROW.clone(), 2]
        self.holder, self.order = argparse.Namespace(row=ROW.clone()), torch.arange(5)
        self.open, self.layers = torch.ones(5).bool(), [nn.Linear(3, 5).double()]
        self.register_buffer("buffer", ROW.clone())

    def step(self, x, h):
        h = torch.tanh(self.read(h) * (self.x(x) + self.h(h)))
        return h, h


def halve(tensor):
    tensor.data.mul_(0.5)


TENSORS = {
    "in place": (lambda self, h: self.row, lambda cell: cell.row.mul_(0.5)),
    "its data": (lambda self, h: self.row, lambda cell: halve(cell.row)),
    "its data replaced": (lambda self, h: self.row, lambda c: setattr(c.row, "data", ROW / 3)),
    "by an array": (lambda self, h: self.row, lambda cell: cell.row.numpy().fill(0.5)),
    "another": (lambda self, h: self.row, lambda cell: setattr(cell, "row", ROW / 3)),
    "another shape": (lambda self, h: self.row, lambda cell: setattr(cell, "row", ROW[:1] / 3)),
    "in a list": (lambda self, h: self.rows[0], lambda cell: halve(cell.rows[0])),
    "another in a list": (lambda self, h: self.rows[0], lambda cell: cell.rows.__setitem__(0, ROW / 3)),
    "in an object": (lambda self, h: self.holder.row, lambda cell: halve(cell.holder.row)),
    "a global": (lambda self, h: ROW, lambda cell: halve(ROW)),
    "of a layer in a list": (lambda s, h: s.layers[0].bias, lambda cell: halve(cell.layers[0].bias)),
    "of a layer outside": (lambda self, h: OUTSIDE.bias, lambda cell: halve(OUTSIDE.bias)),
    "whole numbers": (lambda self, h: self.order / 2, lambda cell: cell.order.data.fill_(1)),
    "truths": (lambda self, h: torch.where(self.open, h, 1.5), lambda cell: cell.open.data.fill_(False)),
    "a buffer": (lambda self, h: self.buffer, lambda cell: halve(cell.buffer)),
    "a parameter": (lambda self, h: self.h.bias, lambda cell: halve(cell.h.bias)),
}


def cell_of(read):
    return made(type("OneWay", (Reading,), {"read": read}))


@pytest.fixture(autouse=True)
def restored():
    """Put back what lies outside the cells."""
    CALLS[0] = 0
    ROW.fill_(1.5)


@pytest.mark.parametrize("way", TENSORS)
def test_a_tensor_that_changes(way):
    read, change = TENSORS[way]
    assert_follows(cell_of(read), change)


def test_a_parameter_that_is_also_in_a_list():
    cell = cell_of(lambda self, h: self.rows[0] * self.h.bias)
    cell.rows[0] = cell.h.bias
    assert_follows(cell, lambda cell: setattr(cell.h, "bias", nn.Parameter(ROW / 3)))
    assert_follows(cell, lambda cell: halve(cell.rows[0]))


def test_a_new_tensor_at_every_call_needs_no_new_trace():
    cell = cell_of(lambda self, h: self.row)
    x, state = drawn(cell, 2, 4)
    found = set()
    for number in range(12):
        cell.row = ROW * number
        torch.testing.assert_close(*(outputs(cell, x, state, level) for level in ("native", "loop")))
        with torch.no_grad():
            found.add(level_of(cell, x, state, "native").compiled)
    assert len(found) == 1


def test_an_attribute_of_a_parameter():
    cell = cell_of(lambda self, h: self.h.bias * self.h.weight.scale)
    cell.h.weight.scale = 1.5
    assert_follows(cell, lambda cell: setattr(cell.h.weight, "scale", 0.5), reason="verification failed")


def hooked(self, h):
    if h.grad_fn is not None:
        h.register_hook(lambda g: g / 2)
    return 1.0


def tries(self, h):
    try:
        return float(h.detach().sum())
    except Exception:
        return 1.5


def counts(self, h):
    CALLS[0] += 1
    return 1.0 + CALLS[0] % 2


def remembers(self, h):
    self.last = h
    return 1.5


def appends(self, h):
    self.rows.append(1)
    return 1.5


def counts_in_a_buffer(self, h):
    self.buffer.add_(1)
    return self.buffer


def sets_data(self, h):
    h.data = h.data / 2
    return h


def imports(self, h):
    from math import pi

    return pi


def copies(self, h):
    h = h.detach().clone()
    h.requires_grad_()
    return h


DECISIONS = {
    "an array": (lambda self, h: 1.5 if h.detach().numpy().sum() > 0 else 0.5, "numbers of a tensor (numpy)"),
    "a function of NumPy": (
        lambda self, h: np.asarray(h.detach()).max(),
        "numbers of a tensor (__array__)",
    ),
    "a list": (lambda self, h: 1.5 if h.tolist()[0][0] > 0 else 0.5, "numbers of a tensor (tolist)"),
    "an item": (lambda self, h: h.sum().item(), "numbers of a tensor (item)"),
    "a float": (lambda self, h: float(h.detach().sum()), "numbers of a tensor (__float__)"),
    "a truth": (lambda self, h: 1.5 if h.sum() > 0 else 0.5, "numbers of a tensor (__bool__)"),
    "a comparison": (lambda self, h: 1.5 if torch.equal(h, h * 2) else 0.5, "equal"),
    "an element": (lambda self, h: 1.5 if 0.0 in h else 0.5, "numbers of a tensor (__contains__)"),
    "a text": (lambda self, h: 1.5 if "-" in f"{h.sum()}" else 0.5, "__format__"),
    "an item of another tensor": (lambda self, h: self.row[0].item(), "numbers of a tensor (item)"),
    "a list of another tensor": (lambda self, h: max(self.row.tolist()), "numbers of a tensor (tolist)"),
    "a float that is tried": (tries, "numbers of a tensor (__float__)"),
    "whether gradients flow": (lambda self, h: 1.5 if h.requires_grad else 0.5, "reads requires_grad"),
    "whether they are recorded": (lambda s, h: 1.5 if torch.is_grad_enabled() else 0.5, "is_grad_enabled"),
    "where it came from": (lambda s, h: 1.5 if h.grad_fn is None else 0.5, "reads grad_fn"),
}
EFFECTS = {
    "a hook": (hooked, "the step reads grad_fn"),
    "a hook without a question": (lambda self, h: h.register_hook(print) and 1.5, "calls register_hook"),
    "a call that is counted": (counts, "the step changes CALLS[0], which it reads"),
    "an attribute": (remembers, "the step sets last"),
    "a list that grows": (appends, "the step changes self.rows, which it reads"),
    "data that is set": (sets_data, "the step sets data"),
    "a part of the graph that begins": (copies, "the step calls requires_grad_"),
    "a line that is printed": (lambda self, h: print("called") or 1.5, "the step calls print"),
    "an import": (imports, "the step imports a module"),
}
CHANCES = {
    "random": (lambda self, h: random.random(), "the step calls _random.random"),
    "random, by a function": (lambda self, h: random.uniform(0, 1), "the step calls _random.random"),
    "NumPy's": (lambda self, h: np.random.rand(), "whose changes cannot be noticed"),
    "a generator": (lambda self, h: self.holder.draw.random(), "whose changes cannot be noticed"),
    "the time": (lambda self, h: 1 + time.time() % 1, "the step calls time.time"),
    "torch's": (lambda self, h: torch.rand(5).double(), "the step draws random numbers"),
}


@pytest.mark.parametrize("way", DECISIONS | EFFECTS)
def test_what_a_graph_does_not_show_runs_in_the_loop(way, capsys):
    read, reason = (DECISIONS | EFFECTS)[way]
    cell, twin = cell_of(read), cell_of(read)
    x, state = drawn(cell, 2, 4)
    got = results(cell, x, state, level="native")
    CALLS[0] = 0
    assert_alike(got, results(twin, *drawn(cell, 2, 4), level="loop"), 0)
    assert reason in level_of(cell, x, state, "native").why_not["native"]


def test_a_buffer_that_counts_steps():
    cells = [cell_of(counts_in_a_buffer) for _ in range(2)]
    x, state = drawn(cells[0], 2, 4)
    found = [outputs(cell, x, state, level) for cell, level in zip(cells, ("native", "loop"), strict=True)]
    assert torch.equal(*found)
    assert torch.equal(cells[0].buffer, ROW + 4)
    with torch.no_grad():
        assert "in place" in level_of(cells[0], x, state, "native").why_not["native"]


@pytest.mark.parametrize("way", CHANCES)
def test_chance_and_time_run_in_the_loop(way):
    read, reason = CHANCES[way]
    found = []
    for level in ("native", "loop"):
        cell = cell_of(read)
        cell.holder.draw = np.random.default_rng(0)
        x, state = drawn(cell, 2, 4)
        random.seed(0), np.random.seed(0), torch.manual_seed(0)
        found.append(outputs(cell, x, state, level))
    assert way in ("the time", "a generator") or torch.equal(*found)
    with torch.no_grad():
        assert reason in level_of(cell, x, state, "native").why_not["native"]


def test_a_step_that_is_looked_at_leaves_no_trace_of_it():
    cell = cell_of(remembers)
    x, state = drawn(cell, 2, 4)
    with torch.no_grad():
        level_of(cell, x, state, "native")
    assert not hasattr(cell, "last")


def test_a_step_that_fills_a_cache_is_compiled_once_it_has():
    cell = cell_of(lambda self, h: self.kept())
    cell.cached = None

    def kept():
        if cell.cached is None:
            cell.cached = ROW.clone()
        return cell.cached

    cell.kept = kept
    x, state = drawn(cell, 2, 4)
    with torch.no_grad():
        assert "the step sets cached" in level_of(cell, x, state, "native").why_not["native"]
        outputs(cell, x, state, "loop")
        assert level_of(cell, x, state, "native").level == "native"
