"""Several gradients at once, as Jacobians and Hessians ask for them, are those asked for one by one."""

from functools import cache

import pytest
import torch
from engine_cells import Lstm, Memory, made
from engine_compare import FAST, assert_alike, drawn
from torch.autograd.functional import hessian, jacobian

from recurra import leaves, sequence

cell_of = cache(made)
LENGTHS = torch.tensor([3, 0, 2])


def outputs(kind, level, lengths):
    """Return inputs whose gradients are wanted, and the outputs."""
    cell = cell_of(kind)
    x, state = drawn(cell, 3, 3)
    with sequence.using(level):
        y, after = cell(x, state, lengths=lengths)
    return [x, *(part for _, part in leaves(state)), *cell.parameters()], [y, *(p for _, p in leaves(after))]


def directions(tensors):
    """Return four gradients for each."""
    return [torch.stack([(tensor.detach() + i).sin() for i in range(4)]) for tensor in tensors]


@pytest.mark.parametrize(("kind", "level"), [(Lstm, "native"), (Lstm, "scan"), (Memory, "scan")])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("recorded", [False, True])
def test_gradients_in_a_batch(kind, lengths, level, recorded):
    how = {"allow_unused": True, "retain_graph": True, "create_graph": recorded}
    wanted, results = outputs(kind, "loop", lengths)
    along = directions(results)
    one_by_one = [torch.autograd.grad(results, wanted, [a[i] for a in along], **how) for i in range(4)]
    want = [None if g[0] is None else torch.stack(g) for g in zip(*one_by_one, strict=True)]
    wanted, results = outputs(kind, level, lengths)
    got = torch.autograd.grad(results, wanted, along, is_grads_batched=True, **how)
    assert_alike(dict(enumerate(got)), dict(enumerate(want)), 1e-10)
    assert not recorded or got[0].requires_grad


@pytest.mark.parametrize("level", FAST)
def test_gradients_under_vmap(level):
    wanted, (y, *_) = outputs(Lstm, "loop", LENGTHS)
    (along,) = directions([y])
    want = torch.stack([torch.autograd.grad(y, wanted[0], a, retain_graph=True)[0] for a in along])
    wanted, (y, *_) = outputs(Lstm, level, LENGTHS)
    got = torch.func.vmap(lambda a: torch.autograd.grad(y, wanted[0], a, retain_graph=True)[0])(along)
    assert_alike({"x": got}, {"x": want})


@pytest.mark.parametrize("level", FAST)
def test_a_jacobian_and_a_hessian(level):
    cell = cell_of(Lstm)
    x = drawn(cell, 2, 2)[0].detach()
    with sequence.using("loop"):
        want = jacobian(lambda x: cell(x)[0], x), hessian(lambda x: cell(x)[0].square().sum(), x)
    with sequence.using(level):
        got = (
            jacobian(lambda x: cell(x)[0], x, vectorize=True),
            hessian(lambda x: cell(x)[0].square().sum(), x, vectorize=True),
        )
    assert_alike(dict(enumerate(got)), dict(enumerate(want)), 1e-10)
