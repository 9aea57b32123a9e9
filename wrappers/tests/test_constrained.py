"""Constraints of recurrent matrices: they hold after training, and they apply where they should."""

import copy
from typing import NamedTuple

import pytest
import torch
from torch import nn

from recurra import Cell, IncompatibleParts, InvalidInput, InvalidOption, leaves, using
from recurra_contract import Contract, Identity, ToyCell
from recurra_engine.explain import explained
from recurra_wrappers import (
    DaleWeights,
    LayerNormalised,
    LowRankWeights,
    OrthogonalWeights,
    SparseWeights,
    SpectralWeights,
    WeightNormalised,
    recurrent_matrices,
)


class State(NamedTuple):
    h: torch.Tensor


class Gated(Cell[State]):
    """h' = z h + (1 − z) tanh(..), with both products of h in one matrix (2 n, n); y = W_y h', which ends."""

    def __init__(self, input_size, *, hidden_size: int = 6):
        super().__init__(input_size, 2)
        self.from_x, self.from_h = (nn.Linear(size, 2 * hidden_size) for size in (input_size, hidden_size))
        for U in self.from_h.weight.chunk(2):
            nn.init.orthogonal_(U)
        self.to_y = nn.Linear(hidden_size, 2)
        self.hidden_size = hidden_size

    def initial_state(self, batch_size):
        return State(self.zeros(batch_size, self.hidden_size))

    def step(self, x, state):
        z, n = (self.from_x(x) + self.from_h(state.h)).chunk(2, -1)
        z = torch.sigmoid(z)
        h = z * state.h + (1 - z) * torch.tanh(n)
        return self.to_y(h), State(h)


class Narrow(Gated):
    """The state is read through a matrix (5, 6) before the square ones, whose columns are not its width."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.down, self.up = nn.Linear(6, 5), nn.Linear(5, 6)

    def step(self, x, state):
        h = torch.tanh(self.up(self.down(state.h)) + x.mean(-1, keepdim=True))
        return self.to_y(h), State(h)


class Various(Cell[State]):
    """Products of the state in every form: slices, transposes, einsum and torch's own cell."""

    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.sliced, self.turned, self.summed, self.unused = (
            nn.Parameter(torch.randn(*shape)) for shape in ((8, 4), (4, 4), (4, 4), (4, 4))
        )
        self.own = nn.GRUCell(input_size, 4)

    def initial_state(self, batch_size):
        return State(self.zeros(batch_size, 4))

    def step(self, x, state):
        h = state.h @ self.sliced[4:].T + state.h.detach() @ self.turned.t()
        h = torch.tanh(h + torch.einsum("bi,ij->bj", state.h, self.summed))
        return torch.tanh(state.h @ self.unused), State(self.own(x, h))


WRAPPERS = {
    "orthogonal": OrthogonalWeights,
    "spectral": lambda cell: SpectralWeights(cell, bound=0.5),
    "weight-norm": WeightNormalised,
    "dale": lambda cell: DaleWeights(cell, excitatory=2 / 3),
    "sparse": lambda cell: SparseWeights(cell, density=1 / 3),
    "low-rank": lambda cell: LowRankWeights(cell, rank=2),
}


def made(name):
    torch.manual_seed(0)
    return WRAPPERS[name](Gated(3).double())


def trained(cell, steps=20):
    """Follow the gradient of a loss for some steps, and return the recurrent matrix after them."""
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.05)
    x = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(steps):
        optimizer.zero_grad()
        y, state = cell(x)
        ((y - 1) ** 2).mean().add((state.h + 1).square().mean()).backward()
        optimizer.step()
    return cell.cell.from_h.weight.detach()


def check_orthogonal(U, cell):
    for block in U.chunk(2):
        torch.testing.assert_close(block @ block.T, torch.eye(6).double(), rtol=0, atol=1e-12)


def check_spectral(U, cell):
    norms = [torch.linalg.svdvals(block)[0].item() for block in U.chunk(2)]
    assert max(norms) <= 0.5 + 1e-12
    assert max(norms) > 0.49  # the bound is reached in training, so that it is the constraint that holds it


def check_weight_norm(U, cell):
    lengths = cell.cell.from_h.parametrizations.weight.original0
    torch.testing.assert_close(U.norm(dim=1, keepdim=True), lengths, rtol=1e-12, atol=0)


def check_dale(U, cell):
    signs = torch.tensor([1, 1, 1, 1, -1, -1]).double()
    assert (U * signs >= 0).all()
    assert (U != 0).all()


def check_sparse(U, cell):
    assert ((U != 0).sum(1) == 2).all()
    assert torch.equal(U != 0, cell.cell.from_h.parametrizations.weight[0].m)


def check_low_rank(U, cell):
    assert torch.linalg.matrix_rank(U).item() == 2


CHECKS = {
    "orthogonal": check_orthogonal,
    "spectral": check_spectral,
    "weight-norm": check_weight_norm,
    "dale": check_dale,
    "sparse": check_sparse,
    "low-rank": check_low_rank,
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_constraint_holds_after_training_and_a_checkpoint(name):
    cell = made(name)
    before = cell.cell.from_h.weight.detach().clone()
    U = trained(cell)
    assert not torch.allclose(U, before, atol=1e-3)
    CHECKS[name](U, cell)
    torch.manual_seed(7)  # another start, other masks and factors
    other = WRAPPERS[name](Gated(3).double())
    other.load_state_dict(cell.state_dict())
    assert torch.equal(other.cell.from_h.weight, U)
    assert torch.equal(copy.deepcopy(cell).cell.from_h.weight, U)


@pytest.mark.parametrize("name", WRAPPERS)
def test_weights_that_are_not_finite_are_refused(name):
    cell = Gated(3)
    torch.nn.init.constant_(cell.from_h.weight[0], float("nan"))
    told = r"Weight\w+: from_h.weight of Gated holds NaN or infinite numbers; expected finite weights"
    with pytest.raises(InvalidInput, match=told):
        WRAPPERS[name](cell)


def test_a_bounded_norm_passes_nan_on_to_the_checks_of_training():
    cell = made("spectral")
    torch.nn.init.constant_(cell.cell.from_h.parametrizations.weight.original[0, :1], float("nan"))
    y, _ = cell(torch.randn(2, 3, 3, dtype=torch.float64))
    assert y.isnan().any()


@pytest.mark.parametrize("name", WRAPPERS)
def test_gradients_reach_every_parameter_and_are_exact(name):
    cell = made(name)
    trained(cell, 2)
    for level in ("loop", "scan"):
        x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
        with using(level):
            weights = [p for p in cell.parameters() if p.requires_grad]
            y, state = cell(x)
            gradients = torch.autograd.grad(y.square().sum() + state.h.sum(), [x, *weights])
        assert all(gradient.any() for gradient in gradients)
    free = next(p for path, p in cell.named_parameters() if "original" in path)
    constraint = cell.cell.from_h.parametrizations.weight
    if name != "weight-norm" and name != "low-rank":
        assert torch.autograd.gradcheck(constraint[0], [free.detach().clone().requires_grad_()])


@pytest.mark.parametrize("name", ["weight-norm", "orthogonal"])
def test_the_start_is_that_of_the_cell(name):
    torch.manual_seed(0)
    plain = Gated(3).double()
    cell = WRAPPERS[name](copy.deepcopy(plain))
    torch.testing.assert_close(cell.cell.from_h.weight, plain.from_h.weight, rtol=0, atol=1e-6)


def test_starts_that_must_differ():
    torch.manual_seed(0)
    U = Gated(3).from_h.weight.detach().double()
    spectral = made("spectral").cell.from_h.weight
    torch.testing.assert_close(spectral, 0.99 * 0.5 * U, rtol=0, atol=1e-6)
    low_rank = made("low-rank").cell.from_h.weight
    # All six singular values of two orthogonal blocks are √2; two of them remain.
    assert torch.linalg.svdvals(low_rank).tolist() == pytest.approx([2**0.5] * 2 + [0] * 4, abs=1e-6)
    dale = made("dale").cell.from_h.weight
    assert dale.norm().item() == pytest.approx(U.norm().item())
    # 4 units excite and 2 inhibit: entries of these were multiplied by 2 before all were rescaled.
    ratio = dale.abs() / U.abs()
    torch.testing.assert_close(ratio[:, 4:], 2 * ratio[:, :2], rtol=1e-5, atol=0)
    sparse = made("sparse").cell.from_h.weight
    kept = sparse != 0
    torch.testing.assert_close(sparse[kept], 3**0.5 * U[kept], rtol=1e-6, atol=0)


def test_which_matrices_are_recurrent():
    assert list(recurrent_matrices(Gated(3))) == ["from_h.weight"]  # not W_y, which the state does not read
    assert list(recurrent_matrices(Narrow(3))) == ["down.weight", "up.weight"]
    assert list(recurrent_matrices(ToyCell(3))) == ["W.weight"]
    assert recurrent_matrices(Identity(3)) == {}
    # Not `turned`: the gradient is cut; not `unused`: nor does the next state depend on it.
    assert sorted(recurrent_matrices(Various(3))) == ["own.weight_hh", "sliced", "summed"]


def test_a_cell_is_left_as_it_was():
    cell = Various(3).train()
    before = copy.deepcopy(cell.state_dict())
    recurrent_matrices(cell)
    assert cell.training
    assert all(p.requires_grad and p.grad is None for p in cell.parameters())
    assert all(torch.equal(before[name], value) for name, value in cell.state_dict().items())


def test_matrices_that_are_not_square_are_left_as_they_are():
    told = r"OrthogonalWeights: no recurrent matrix of ToyCell is square .* state: W.weight \(4, 7\); choose"
    with pytest.raises(IncompatibleParts, match=told):
        OrthogonalWeights(ToyCell(3))
    assert SpectralWeights(ToyCell(3)).names == ("W.weight",)
    assert sorted(OrthogonalWeights(Various(3)).names) == ["own.weight_hh", "sliced", "summed"]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: SparseWeights(Identity(3)), IncompatibleParts, "SparseWeights: Identity has no recurrent m"),
        (
            lambda: SparseWeights(LayerNormalised(Identity(3))),
            IncompatibleParts,
            "SparseWeights: Identity has no re",
        ),
        (lambda: LowRankWeights(Gated(3), rank=6), InvalidOption, "rank = 6 must be less than 6 for weight"),
        (lambda: DaleWeights(Gated(3), excitatory=0.99), InvalidOption, "leaves 6 of 6 units to excite; at"),
        (lambda: SparseWeights(Gated(3), density=0.0), InvalidOption, "density"),
        (lambda: SparseWeights(OrthogonalWeights(Gated(3))), IncompatibleParts, "parametrized already"),
    ],
)
def test_impossible_constraints_are_refused(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_parts_of_a_batch_and_cuts_are_those_of_the_cell():
    cell = made("orthogonal")
    x, lengths = torch.randn(2, 6, 3, dtype=torch.float64), torch.tensor([6, 4])
    y, end = cell(x, lengths=lengths)
    first, state = cell(x[:, :2])
    rest, cut_end = cell(x[:, 2:], state, lengths=lengths - 2)
    torch.testing.assert_close(torch.cat([first, rest], 1), y, rtol=0, atol=1e-13)
    for (_, a), (_, b) in zip(leaves(cut_end), leaves(end), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPERS)
def test_the_step_is_compiled_as_before_and_the_contract_is_kept(name):
    cell = made(name)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    expected = cell(x)[0]
    with using("native"):
        assert explained(cell.cell)["level"] == "native"
        torch.testing.assert_close(cell(x)[0], expected, rtol=0, atol=1e-12)
    torch.manual_seed(0)
    results = [
        check.result(None)
        for check in Contract("cell", lambda input_size=3: WRAPPERS[name](Gated(input_size))).checks()
    ]
    assert len(results) > 30
    assert [f"{r.check}: {r.message}" for r in results if r.status == "failed"] == []
