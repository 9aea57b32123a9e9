"""Changes in place after a call give the right gradients, or autograd's error where the loop gives it too."""

from functools import cache

import pytest
import torch
from engine_cells import (
    ConstantOutput,
    Echo,
    Lstm,
    Memory,
    NoMemory,
    Parameter,
    Readout,
    Through,
    made,
    tensors_of,
)
from engine_compare import FAST, assert_alike, drawn, weighed, with_gradients
from torch import nn

from recurra import leaves, map_state, sequence

cell_of = cache(made)
LENGTHS = torch.tensor([3, 0, 2])


def add(y, after):
    y += tensors_of(y.dtype, *y.shape, seed=5)


def zero_a_step(y, after):
    y[:, 0] = 0


def scale_states(y, after):
    for i, (_, part) in enumerate(leaves(after)):
        part.mul_(i + 2)


def all_at_once(y, after):
    y *= y.detach().cos()
    y[..., 1:].masked_fill_(y.detach()[..., 1:] < -0.5, 2.0)
    scale_states(y, after)
    nn.ReLU(inplace=True)(y)


CHANGES = [add, zero_a_step, scale_states, all_at_once]
KINDS = [
    (kind, "scan") for kind in (Lstm, Memory, Readout, Echo, Through, NoMemory, ConstantOutput, Parameter)
]
KINDS += [(kind, "native") for kind in (Lstm, Echo, Readout)]


def changed(cell, level, change, lengths):
    """Return results and gradients after a change in place; the loop's results are copied before it."""
    x, state = drawn(cell, 3, 3)
    inputs = [x, *(part for _, part in leaves(state))]
    before = [tensor.detach().clone() for tensor in inputs]
    with sequence.using(level):
        y, after = cell(x, state, lengths=lengths)
    if level == "loop":
        y, after = y.clone(), map_state(torch.Tensor.clone, after)
    torch.manual_seed(0)
    change(y, after)
    assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))
    return with_gradients(cell, x, state, y, after)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(("kind", "level"), KINDS)
def test_results_changed_in_place(kind, level, change, lengths):
    want, got = (changed(cell_of(kind), name, change, lengths) for name in ("loop", level))
    assert_alike(got, want, 1e-10)


@pytest.mark.parametrize("level", FAST)
def test_a_gradient_of_a_gradient_after_a_change_in_place(level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell, 2, 3)
        with sequence.using(name):
            y, _ = cell(x, state)
        y.mul_(2).relu_()
        (slope,) = torch.autograd.grad(weighed(y.square()), x, create_graph=True)
        found[name] = {"curvature": torch.autograd.grad(weighed(slope.square()), cell.U.weight)[0]}
    assert_alike(found[level], found["loop"], 1e-10)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("how", [{}, {"lengths": LENGTHS}])
def test_results_without_gradients_may_take_some(level, how):
    cell = cell_of(Lstm)
    x, state = drawn(cell, 3, 3)
    with torch.no_grad(), sequence.using(level):
        y, after = cell(x, state, **how)
    y += y.new_ones(()).requires_grad_()
    after.h.mul_(y.new_ones(()).requires_grad_())
    assert y.requires_grad
    assert after.h.requires_grad


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("change", [lambda y, after: y.relu_(), lambda y, after: after.c[:, 1].zero_()])
def test_states_of_every_step_changed_in_place(change, level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell, 2, 3)
        with sequence.using(name):
            y, after = cell(x, state, states=True)
        change(y, after)
        found[name] = {"x": torch.autograd.grad(weighed(y) + weighed(after.c), x)[0]}
    assert_alike(found[level], found["loop"])


def after_a_step(level, changed, read=()):
    """Return the gradients after an optimiser's step on the weights of these names, or autograd's error."""
    cell = made(Lstm)
    x, state = drawn(cell, 2, 3)
    with sequence.using(level):
        y, after = cell(x if read else x.detach(), state)
    with torch.no_grad():
        for name in changed:
            dict(cell.named_parameters())[name].sub_(0.5)
    wanted = [cell.U.weight, cell.W.weight, cell.W.bias, *state, *([x] if read else [])]
    try:
        return dict(enumerate(torch.autograd.grad(weighed(y) + weighed(after.c), wanted)))
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # noqa: PT017
        return None


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("names", [["W.weight", "W.bias", "U.bias"], ["W.bias"], ["U.weight"]])
@pytest.mark.parametrize("read", [[], ["x"]])
def test_a_weight_whose_old_value_is_not_needed_may_change(names, read, level):
    want, got = (after_a_step(name, names, read) for name in ("loop", level))
    assert (got is None) == (want is None)
    if want is not None:
        assert_alike(got, want)


@pytest.mark.parametrize("level", FAST)
def test_a_second_derivative_needs_the_old_values(level):
    cell = made(Lstm)
    x, state = drawn(cell, 2, 3)
    with sequence.using(level):
        y, _ = cell(x, state)
    with torch.no_grad():
        cell.W.bias.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(weighed(y.square()), x, create_graph=True)


@pytest.mark.parametrize("level", FAST)
def test_memory_is_not_kept_by_counting_changes(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell, 2, 3)
    with sequence.using(level):
        y, _ = cell(x, state)
    (output,) = (version for version in y.grad_fn.saved._outputs if not version.changed)
    assert output._counter.untyped_storage().nbytes() == 0
