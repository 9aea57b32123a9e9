"""Many cells at once at the native level give what each gives alone in the loop, to rounding."""

import pytest
import torch
from torch import nn

from recurra import Cell, leaves, map_state, sequence
from recurra.plugins.registry import load
from recurra_contract import ToyCell, ToyTask
from recurra_contract.harness import CellOf
from recurra_engine import dispatch, ensemble
from recurra_lab import Model, WeightSpace, run_each


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
    run_pass = ensemble.run_pass
    monkeypatch.setattr(ensemble, "run_pass", lambda *given: ran.append(1) or run_pass(*given))
    with torch.no_grad():
        run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
        assert ran == [1]
        with sequence.using("loop"):
            run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
        monkeypatch.setattr(ensemble, "LARGEST", 10)
        run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))
    run_each(model, space.stacked(vectors), torch.randn(2, 4, 3))  # with a gradient, by torch
    assert ran == [1]


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
