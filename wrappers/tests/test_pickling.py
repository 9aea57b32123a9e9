"""Constrained cells are pickled with their constraints, like all other cells."""

import pickle

import pytest
import torch
from torch import nn

from recurra import IncompatibleParts
from recurra_contract import ToyCell
from recurra_wrappers import (
    DaleWeights,
    LowRankWeights,
    OrthogonalWeights,
    SparseWeights,
    SpectralWeights,
    WeightNormalised,
)


class Plain(ToyCell):
    """h' = tanh(V x + U h), with U a parameter of the cell itself."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.U = nn.Parameter(torch.randn(4, 4))

    def step(self, x, state):
        y, new = super().step(x, state)
        return y, type(state)(torch.tanh(new.h + state.h @ self.U), *state[1:])


WRAPPERS = {
    "orthogonal": OrthogonalWeights,
    "spectral": SpectralWeights,
    "weight-norm": WeightNormalised,
    "dale": DaleWeights,
    "sparse": SparseWeights,
    "low-rank": lambda cell: LowRankWeights(cell, rank=2),
}


def outputs(cell):
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    return cell(x)[0]


def adapted(cell):
    """Take one step of gradient descent."""
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.5)
    outputs(cell).square().sum().backward()
    optimizer.step()
    return outputs(cell)


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_pickled_cell_computes_and_learns_as_before(name):
    cell = WRAPPERS[name](Plain(3))
    other = pickle.loads(pickle.dumps(cell))
    assert torch.equal(outputs(other), outputs(cell))
    assert list(other.state_dict()) == list(cell.state_dict())
    assert torch.equal(adapted(other), adapted(cell))
    assert torch.equal(outputs(pickle.loads(pickle.dumps(other))), outputs(cell))


def test_what_was_shared_is_shared():
    cell = OrthogonalWeights(Plain(3))
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.5)
    other, its_optimizer = pickle.loads(pickle.dumps((cell, optimizer)))
    assert its_optimizer.param_groups[0]["params"] == list(other.parameters())


def test_a_pickled_constraint_is_a_constraint():
    other = pickle.loads(pickle.dumps(SpectralWeights(Plain(3))))
    with pytest.raises(IncompatibleParts, match=r"SparseWeights: Plain has no .* parametrized already"):
        SparseWeights(other)
