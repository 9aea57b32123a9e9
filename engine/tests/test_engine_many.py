"""Many cells at once at the native level give what each gives alone in the loop, to rounding."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from recurra import Cell, leaves, map_state, sequence
from recurra.plugins.registry import load
from recurra_contract import ToyCell, ToyTask
from recurra_contract.harness import CellOf
from recurra_engine import dispatch, ensemble
from recurra_engine.cpu import each
from recurra_lab import Model, WeightSpace, run_each
from recurra_lab.training.population import initial_states, run_ensemble


class Mixed(Cell):
    """A frozen matrix, a learned start, a softmax, a product of x and the state, and a state of two parts."""

    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.W, self.U, self.start = nn.Linear(input_size, 5), nn.Linear(5, 5), nn.Parameter(torch.randn(5))
        self.V = nn.Parameter(torch.randn(5, 4), requires_grad=False)

    def initial_state(self, batch_size):
        return self.start.expand(batch_size, -1), self.zeros(batch_size, 3, 2)

    def step(self, x, state):
        h, M = state
        h = torch.sigmoid(self.W(x) + self.U(h)) * torch.softmax(h, -1)
        M = M / 2 + h[:, :3, None] * x[:, None, :2]
        return h @ self.V + M.sum((1, 2))[:, None], (h, M)


CELLS = [ToyCell, Mixed]


@pytest.fixture(autouse=True)
def _native():
    with sequence.using("native"):
        yield


def networks(cell, count=5, seed=0):
    torch.manual_seed(seed)
    model = Model(ToyTask(), CellOf(cell))
    space = WeightSpace(model)
    return model, space, torch.randn(count, space.size)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [None, [3, 7, 0, 7, 1, 2]])
def test_each_gives_what_it_gives_alone(cell, lengths):
    model, space, vectors = networks(cell)
    x = torch.randn(6, 7, 3)
    lengths = None if lengths is None else torch.tensor(lengths)
    with torch.no_grad():
        y, after = run_each(model, space.stacked(vectors), x, lengths=lengths)
        for p, vector in enumerate(vectors):
            space.write(model, vector)
            with sequence.using("loop"):
                alone, state = model(x, lengths=lengths)
            torch.testing.assert_close(y[p], alone)
            for (_, a), (_, b) in zip(leaves(after), leaves(state), strict=True):
                torch.testing.assert_close(a[p], b)


@pytest.mark.parametrize("cell", CELLS)
def test_it_is_the_native_level_that_runs_them(cell, monkeypatch):
    model, space, vectors = networks(cell)
    ran = []
    run_pass = ensemble.run_each
    monkeypatch.setattr(ensemble, "run_each", lambda *given: ran.append(1) or run_pass(*given))
    with torch.no_grad():
        run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
        assert ran == [1]
        with sequence.using("loop"):
            run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
        assert ran == [1]
    y, _ = run_each(model, space.stacked(vectors.requires_grad_()), torch.randn(2, 4, 3))
    y.sum().backward()
    assert ran == [1, 1, 1]


def of_all(model, weights, x, state, lengths):
    """Return y, the final states and, for a loss of these, the gradients of weights, x and states."""
    weights = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    inputs = [x, *(part for _, part in leaves(state))]
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    parts = iter(inputs[1:])
    y, after = run_ensemble(model, weights, inputs[0], map_state(lambda _: next(parts), state), lengths)
    ends = [part for _, part in leaves(after)]
    loss = sum((i * part.sin()).sum() for i, part in enumerate([y, *ends], 1))
    return [y, *ends, *torch.autograd.grad(loss, [*weights.values(), *inputs], materialize_grads=True)]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("ragged", [False, True])
def test_gradients_are_those_of_each_alone_in_the_loop(cell, ragged):
    model, _, _ = networks(cell)
    model.double()
    named = dict(model.named_parameters())
    weights = {n: torch.randn(3, *w.shape).double() for n, w in named.items() if w.requires_grad}
    x = torch.randn(3, 4, 5, 3).double()
    lengths = torch.tensor([[5, 2, 0, 3], [1, 5, 5, 4], [2, 2, 2, 2]]) if ragged else None
    state = map_state(torch.randn_like, initial_states(model, weights, 4))
    together = of_all(model, weights, x, state, lengths)
    for p in range(3):
        one = {name: weight[p : p + 1] for name, weight in weights.items()}
        mine = map_state(lambda leaf, p=p: leaf[p : p + 1], state)
        own = of_all(model, one, x[p : p + 1], mine, None if lengths is None else lengths[p : p + 1])
        alone = in_the_loop(model, one, x[p], mine, None if lengths is None else lengths[p])
        for whole, single, looped in zip(together, own, alone, strict=True):
            assert torch.equal(whole[p : p + 1], single)  # whoever runs beside it
            torch.testing.assert_close(single[0], looped, rtol=0, atol=1e-10)


def in_the_loop(model, weights, x, state, lengths):
    """Return what `of_all` does, for one network in the loop."""
    weights = {name: weight[0].clone().requires_grad_() for name, weight in weights.items()}
    inputs = [x, *(part[0] for _, part in leaves(state))]
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    parts = iter(inputs[1:])
    start = map_state(lambda _: next(parts), state)
    with sequence.using("loop"):
        y, after = functional_call(model, weights, (inputs[0], start), {"lengths": lengths})
        ends = [part for _, part in leaves(after)]
        loss = sum((i * part.sin()).sum() for i, part in enumerate([y, *ends], 1))
        return [y, *ends, *torch.autograd.grad(loss, [*weights.values(), *inputs], materialize_grads=True)]


def test_threads_share_whole_networks(monkeypatch):
    model, space, vectors = networks(ToyCell)
    x = torch.randn(2, 4, 3)
    with torch.no_grad():
        alone, _ = run_each(model, space.stacked(vectors), x)
        monkeypatch.setattr(each, "WORTH_A_THREAD", 1)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
        assert torch.equal(run_each(model, space.stacked(vectors), x)[0], alone)


def test_outputs_may_be_changed_in_place_before_the_backward_pass():
    model, space, vectors = networks(ToyCell)
    gradients = []
    for change in (lambda y: y + 1, lambda y: y.add_(1)):
        vectors = vectors.detach().requires_grad_()
        y, _ = run_each(model, space.stacked(vectors), torch.ones(2, 4, 3))
        gradients.append(torch.autograd.grad(change(y).square().sum(), vectors)[0])
    assert torch.equal(*gradients)


def test_there_is_no_second_derivative():
    model, space, vectors = networks(ToyCell)
    vectors.requires_grad_()
    y, _ = run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        torch.autograd.grad(y.sum(), vectors, create_graph=True)
    y, _ = run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        torch.autograd.grad(y, vectors, torch.ones(2, *y.shape), is_grads_batched=True)


class Direct(Cell):
    """What it puts out is made of the input and weights alone."""

    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.W = nn.Linear(input_size, 4)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 4)

    def step(self, x, h):
        return self.W(x), h / 2 + self.W(x)


def test_weights_that_more_than_the_loop_reads_are_left_to_torch():
    model, space, vectors = networks(Direct)
    x = torch.randn(2, 4, 3)
    assert sequence.run_many(model.sequencer, *stacked_for(model, space, vectors, x)) is None
    y, _ = run_each(model, space.stacked(vectors), x)
    space.write(model, vectors[1])
    torch.testing.assert_close(y[1], model(x)[0])


def stacked_for(model, space, vectors, x):
    weights = space.stacked(vectors)
    own = {name.removeprefix("sequencer."): w for name, w in weights.items() if "sequencer" in name}
    return own, x.expand(len(vectors), *x.shape), initial_states(model, weights, x.shape[0]), None


@pytest.mark.parametrize("cell", CELLS)
def test_each_goes_on_from_its_own_state_and_input(cell):
    model, space, vectors = networks(cell)
    weights, x = space.stacked(vectors), torch.randn(2, 6, 3)
    with torch.no_grad():
        whole, end = run_each(model, weights, x)
        _, state = run_each(model, weights, x[:, :2])
        rest, after = run_each(model, weights, x[:, 2:].expand(5, -1, -1, -1), state)
    torch.testing.assert_close(rest, whole[:, :, 2:])
    map_state(torch.testing.assert_close, after, end)


@pytest.mark.parametrize("name", ["lstm", "gru", "elman", "fully-recurrent"])
def test_shipped_cells_in_float64(name):
    cls = load("cell", name)
    model, space, vectors = networks(lambda wide: cls(wide, hidden_size=6), count=3)
    model.double()
    x, lengths = torch.randn(4, 9, 3, dtype=torch.float64), torch.tensor([9, 2, 5, 9])
    with torch.no_grad():
        assert dispatch.choose(model.sequencer, x, model.sequencer.initial_state(4)).level == "native"
        y, _ = run_each(model, space.stacked(vectors.double()), x, lengths=lengths)
        for p, vector in enumerate(vectors):
            space.write(model, vector.double())
            with sequence.using("loop"):
                torch.testing.assert_close(y[p], model(x, lengths=lengths)[0], rtol=0, atol=1e-10)


def test_weights_that_are_all_the_readouts_are_left_to_torch():
    model, _, _ = networks(ToyCell)
    readouts = {"readout.bias": torch.arange(6.0).reshape(2, 3)}
    with torch.no_grad():
        y, _ = run_each(model, readouts, torch.zeros(1, 2, 3))
    torch.testing.assert_close(y[1] - y[0], torch.full((1, 2, 3), 3.0))
