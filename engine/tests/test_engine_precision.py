"""Half precision and autocast: results have the loop's dtypes, and are no further from the truth."""

import copy
from functools import cache

import pytest
import torch
from engine_cells import Lstm, Memory, Multiplicative, NormalisedLstm, made
from engine_compare import FAST, assert_level_is_loop, assert_runs, drawn, results

from recurra import leaves, map_state, sequence

cell_of = cache(made)
KINDS = [Lstm, NormalisedLstm, Multiplicative, Memory]
LONG_TO_COMPILE = pytest.param(Memory, marks=pytest.mark.slow)
LENGTHS = [None, torch.tensor([6, 0, 3, 5])]


def exact(cell, x, state, lengths):
    """What float64 gives for these very numbers."""
    widened = map_state(lambda part: part.detach().double().requires_grad_(), state)
    return results(copy.deepcopy(cell).double(), x.detach().double().requires_grad_(), widened, lengths)


def assert_no_worse_than_the_loop(cell, x, state, lengths, level, truth):
    got, want = (results(cell, x, state, lengths, name) for name in (level, "loop"))
    assert got.keys() == want.keys()
    for name, expected in want.items():
        if expected is None:
            assert got[name] is None or not got[name].any()
            continue
        assert (got[name].dtype, got[name].shape) == (expected.dtype, expected.shape), name
        errors = [float((found.double() - truth[name]).detach().norm()) for found in (got[name], expected)]
        rounding = torch.finfo(expected.dtype).eps * float(truth[name].detach().norm())
        assert errors[0] <= errors[1] + rounding, (name, errors, rounding)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", [*(k for k in KINDS if k is not Memory), LONG_TO_COMPILE])
def test_a_cell_of_half_precision(kind, dtype, lengths, level):
    cell = made(kind, dtype=dtype)
    x, state = drawn(cell)
    assert_runs(cell, x, state, level)
    assert_no_worse_than_the_loop(cell, x, state, lengths, level, exact(cell, x, state, lengths))


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast(kind, lengths, level):
    cell = cell_of(kind, dtype=torch.float32)
    x, state = drawn(cell)
    truth = exact(cell, x, state, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        assert_runs(cell, x, state, level)
        assert_no_worse_than_the_loop(cell, x, state, lengths, level, truth)


@pytest.mark.parametrize("level", FAST)
def test_under_autocast_an_input_of_half_precision_and_a_state_handed_on(level):
    cell = cell_of(Memory, dtype=torch.float32)
    x, _ = drawn(cell)
    x = x.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        _, state = cell(x)
        state = map_state(lambda part: part.detach().requires_grad_(), state)
        assert {part.dtype for _, part in leaves(state)} == {torch.float32}  # as it was before the step
        assert_runs(cell, x, state, level)
        assert_no_worse_than_the_loop(cell, x, state, None, level, exact(cell, x, state, None))


@pytest.mark.parametrize("level", FAST)
def test_autocast_leaves_double_precision_alone(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell)
    with torch.autocast("cpu", torch.bfloat16):
        assert_runs(cell, x, state, level)
        assert_level_is_loop(cell, x, state, level=level)


@pytest.mark.parametrize("level", FAST)
def test_gradients_taken_under_autocast_are_not_cast(level):
    cell, found = cell_of(Lstm, dtype=torch.float32), []
    for inside in (False, True):
        x, state = drawn(cell)
        with sequence.using(level):
            y, _ = cell(x, state)
        with torch.autocast("cpu", torch.bfloat16, enabled=inside):
            found.append(torch.autograd.grad(y.sum(), [x, cell.W.weight]))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)
