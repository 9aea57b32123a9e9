"""Inputs, states, weights and gradients that are views of every sort are read as torch reads them."""

import pytest
import torch
from engine_cells import Lstm, made
from engine_compare import FAST, assert_alike, assert_level_is_loop, drawn
from torch import nn

from recurra import leaves, map_state, sequence


def negated(tensor):
    """Return the same numbers as a view whose memory holds their negatives, such as `z.conj().imag`."""
    return torch._neg_view(-tensor)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 0, 6, 1])])
def test_views_with_the_negative_bit(lengths, level):
    cell = made(Lstm)
    x, state = drawn(cell)
    x = negated(x.detach()).requires_grad_()
    state = map_state(lambda part: negated(part.detach()).requires_grad_(), state)
    assert_level_is_loop(cell, x, state, lengths, level=level)


@pytest.mark.parametrize("level", FAST)
def test_a_weight_with_the_negative_bit(level):
    cell = made(Lstm)
    cell.U.weight = nn.Parameter(negated(cell.U.weight.detach()))
    assert_level_is_loop(cell, *drawn(cell), level=level)


@pytest.mark.parametrize("level", FAST)
def test_a_gradient_with_the_negative_bit(level):
    cell, found = made(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        with sequence.using(name):
            y, after = cell(x, state)
        outputs = [y, *(part for _, part in leaves(after))]
        gradients = [negated(output.detach().sin()) for output in outputs]
        found[name] = dict(enumerate(torch.autograd.grad(outputs, [x, *state, cell.U.weight], gradients)))
    assert_alike(found[level], found["loop"])
