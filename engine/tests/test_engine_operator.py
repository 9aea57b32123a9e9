"""The operator itself: its results and gradients are the cell's, and torch may treat it as an operator."""

import gc
import weakref
from importlib import import_module

import pytest
import torch
from engine_cells import made, tensors_of
from engine_compare import weighed
from engine_graphs import noisy, operands
from engine_toys import Joined

from recurra import InvalidInput, sequence

RESETS = torch.tensor([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0]]).bool()
HOW = [{}, {"lengths": torch.tensor([4, 0, 2])}, {"resets": RESETS}, {"states": True}]


@pytest.fixture(autouse=True)
def in_the_loop():
    """Run in the loop, which compiles no C."""
    import_module("recurra_engine.operator.sequence")  # which imports torch's compiler
    with sequence.using("loop"):
        yield


def case(kind=Joined):
    cell = made(kind)
    x, h = (tensors_of(torch.float64, *sizes, seed=1) for sizes in ((3, 4, 3), (3, 5)))
    return cell, x.requires_grad_(), h.requires_grad_()


def call(cell, x, h, **how):
    return torch.ops.recurra.sequence(*operands(cell, x, h, **how))


def gradients(total, x, h, cell):
    return torch.autograd.grad(total, [x, h, *cell.parameters()], materialize_grads=True)


@pytest.mark.parametrize("how", HOW, ids=lambda how: "".join(how) or "plain")
def test_results_and_gradients_are_the_cells(how):
    cell, x, h = case()
    ours, theirs = call(cell, x, h, **how)[:2], cell(x, h, **how)
    torch.testing.assert_close(ours, list(theirs), rtol=0, atol=1e-12)
    totals = (sum(weighed(result) for result in results) for results in (ours, theirs))
    got, want = (gradients(total, x, h, cell) for total in totals)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_a_record_lives_as_long_as_its_ticket():
    from recurra_engine.operator import records

    cell, x, h = case()
    y, *_, ticket = call(cell, x, h)
    record = weakref.ref(records.record_of(ticket))
    y.sum().backward()
    assert record() is not None
    del y, ticket, _
    gc.collect()
    assert record() is None


def test_a_call_whose_ticket_was_copied_runs_forward_again():
    cell, x, h = case()
    want = gradients(cell(x, h)[0].square().sum(), x, h, cell)
    with torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda tensor: tensor):
        y = call(cell, x, h)[0]
    got = gradients(y.square().sum(), x, h, cell)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_random_numbers_are_not_drawn_again():
    cell, x, h = case(noisy(Joined))
    with torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda tensor: tensor):
        y = call(cell, x, h, place=1)[0]
    with pytest.raises(RuntimeError, match="with other random numbers"):
        y.sum().backward()


def test_results_may_be_changed_in_place():
    cell, x, h = case()
    y, after, _ = call(cell, x, h)
    y *= 2
    after.add_(1)
    got = gradients(y.sum() + after.square().sum(), x, h, cell)
    y, after = cell(x, h)
    want = gradients(2 * y.sum() + (after + 1).square().sum(), x, h, cell)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_lengths_are_checked_when_the_operator_runs():
    cell, x, h = case()
    with pytest.raises(InvalidInput, match="lengths must lie between 0 and the 4 steps"):
        call(cell, x, h, lengths=torch.tensor([5, 1, 1]))


def test_a_cell_that_changed_its_results_is_an_error():
    cell, x, h = case()
    arguments = operands(cell, x, h)
    with pytest.raises(RuntimeError, match="it was compiled for results"):
        torch.ops.recurra.sequence(*arguments[:8], 7, *arguments[9:])


def test_a_cell_that_is_gone_is_an_error():
    cell, x, h = case()
    arguments = operands(cell, x, h)
    with pytest.raises(RuntimeError, match="calls a cell that is gone"):
        torch.ops.recurra.sequence(-1, *arguments[1:])


@pytest.mark.parametrize("how", HOW, ids=lambda how: "".join(how) or "plain")
def test_vmap_maps_over_inputs_and_over_weights(how):
    cell, x, h = case()
    number, x, state, tensors, *rest = operands(cell, x.detach(), h.detach(), **how)
    rest[3] = [False] * len(rest[3])  # no gradients

    def run(x, W):
        changed = [W if tensor is cell.W.weight else tensor.detach() for tensor in tensors]
        return torch.ops.recurra.sequence(number, x, state, changed, *rest)[:2]

    xs, Ws = (torch.stack([value.detach(), 2 * value.detach()]) for value in (x, cell.W.weight))
    for given, axes in (((xs, Ws[0]), (0, None)), ((xs, Ws), (0, 0)), ((xs[0], Ws), (None, 0))):
        one_by_one = [
            run(*(a if d is None else a[i] for a, d in zip(given, axes, strict=True))) for i in (0, 1)
        ]
        want = [torch.stack(results) for results in zip(*one_by_one, strict=True)]
        got = torch.func.vmap(run, in_dims=axes)(*given)
        torch.testing.assert_close(list(got), want, rtol=0, atol=1e-12)


@pytest.mark.slow  # compiles each call in several ways
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("how", HOW, ids=lambda how: "".join(how) or "plain")
def test_it_is_an_operator_to_torch(how, train):
    cell, x, h = case()
    cell.requires_grad_(train)
    given = operands(cell, x.detach().requires_grad_(train), h.detach().requires_grad_(train), **how)
    results = torch.library.opcheck(torch.ops.recurra.sequence.default, given)
    assert set(results.values()) == {"SUCCESS"}
