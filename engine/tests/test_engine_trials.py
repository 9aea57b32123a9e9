"""The verification of a level leaves no trace in the caller's graphs, hooks and weights."""

import threading
from functools import cache

import pytest
import torch
from engine_cells import Lstm, made
from engine_compare import FAST, assert_alike, assert_runs, drawn, results, weighed
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.utils.checkpoint import checkpoint

from recurra import sequence

cell_of = cache(made)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_of_torch_around_the_first_call(reentrant, level):
    found = {}
    for name in ("loop", level):
        cell = made(Lstm)
        x, _ = drawn(cell, 2, 3)

        def flat(x, cell=cell):
            y, after = cell(x)
            return y, *after

        with sequence.using(name):
            sum(weighed(output) for output in checkpoint(flat, x, use_reentrant=reentrant)).backward()
        found[name] = {"x": x.grad, **{key: weight.grad for key, weight in cell.named_parameters()}}
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_hooks_of_saved_tensors_may_be_forbidden_and_see_nothing_of_a_trial(level):
    cell, sizes = made(Lstm), []
    x, state = drawn(cell, 7, 3)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.shape) or t, lambda t: t):
        results(cell, x, state, level=level)
        before, sizes[:] = list(sizes), []
        results(cell, x, state, level=level)
    assert sizes == before
    with torch.autograd.graph.disable_saved_tensors_hooks("they are forbidden"):
        results(made(Lstm), x, state, level=level)


def dropped(cell, raw, how):
    """Set a recurrent weight anew, as AWD-LSTM does before each call."""
    torch.manual_seed(1)
    masked = torch.rand_like(raw) > 0.3
    cell.U.weight = nn.functional.dropout(raw, 0.5) if how == "dropout" else raw.sigmoid() * masked


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("how", ["dropout", "mask"])
def test_a_weight_that_is_made_before_each_call(how, level):
    cell, found = made(Lstm), {}
    raw = nn.Parameter(cell.U.weight.detach().clone())
    del cell.U._parameters["weight"]
    cell.U.register_parameter("raw", raw)
    x, state = drawn(cell, 2, 3)
    for name in ("loop", level):
        for call in range(2):
            dropped(cell, raw, how)
            assert name == "loop" or assert_runs(cell, x, state, level) is None
            with sequence.using(name):
                y, _ = cell(x, state)
            found[name, call] = {"raw": torch.autograd.grad(weighed(y), raw)[0]}
    for call in range(2):
        assert_alike(found[level, call], found["loop", call])


class Halved(nn.Module):
    def forward(self, weight):
        return weight / 2


CHANGED_LAYERS = {
    "parametrized": lambda layer: parametrize.register_parametrization(layer, "weight", Halved()),
    "weight_norm": nn.utils.parametrizations.weight_norm,
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
}


@pytest.mark.parametrize("how", CHANGED_LAYERS)
def test_a_layer_whose_weight_is_computed(how):
    losses = {}
    for level in ("loop", "scan"):
        cell = made(Lstm)
        x, _ = drawn(cell, 2, 3)
        CHANGED_LAYERS[how](cell.U)
        optimiser, losses[level] = torch.optim.SGD(cell.parameters(), 0.1), []
        for _ in range(3):
            with sequence.using(level):
                loss = cell(x.detach())[0].square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses[level].append(loss.detach())
        assert len(set(losses[level])) == 3
    torch.testing.assert_close(losses["scan"], losses["loop"])


@pytest.mark.parametrize("level", FAST)
def test_a_cell_that_cannot_be_copied(level):
    cell, calls = made(Lstm), []
    cell.lock = threading.Lock()
    cell.U.weight.register_hook(calls.append)
    x, state = drawn(cell, 2, 3)
    assert_runs(cell, x, state, level)
    assert not calls
    results(cell, x, state, level=level)
    assert len(calls) == 1
