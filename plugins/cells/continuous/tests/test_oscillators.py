"""coRNN and LEM by hand, unit by unit, and the limits of their steps."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_continuous.co_rnn import CoRNN, CoRNNState
from recurra_continuous.lem import LEM, LEMState


def logistic(a):
    return 1 / (1 + math.exp(-a))


def product(row, vector):
    return sum(w * a for w, a in zip(row, vector, strict=True))


@pytest.mark.parametrize(("damping", "z"), [("explicit", 0.9), ("implicit", (1 + 0.1 * 1) / 1.2)])
def test_an_oscillator_by_hand(damping, z):
    """tanh(0) = 0, γ = 1, ε = 2, Δt = 0.1, y = -1, z = 1: z + 0.1 (1 - 2 z̄), and y' = y + 0.1 z'."""
    cell = CoRNN(1, hidden_size=1, gamma=1.0, epsilon=2.0, dt=0.1, damping=damping).double()
    with torch.no_grad():
        cell.drive.weight.zero_()
        cell.drive.bias.zero_()
    y, state = cell.step(torch.ones(1, 1).double(), CoRNNState(*torch.tensor([[[-1.0]], [[1.0]]]).double()))
    assert state.z.item() == pytest.approx(z, rel=1e-12)
    assert y.item() == state.y.item() == pytest.approx(-1 + 0.1 * z, rel=1e-12)


def test_co_rnn_equals_a_version_unit_by_unit():
    torch.manual_seed(0)
    cell, x = CoRNN(2, hidden_size=3, dt=0.3, gamma=1.5, epsilon=0.5).double(), torch.randn(5, 2).double()
    rows, b = cell.drive.weight.tolist(), cell.drive.bias.tolist()
    y = z = [0.0] * 3
    for x_t in x.tolist():
        force = [
            math.tanh(product(rows[i], [*x_t, *z, *y]) + b[i]) - 1.5 * y[i] - 0.5 * z[i] for i in range(3)
        ]
        z = [z[i] + 0.3 * force[i] for i in range(3)]
        y = [y[i] + 0.3 * z[i] for i in range(3)]
    out, state = cell(x[None])
    assert state.y[0].tolist() == pytest.approx(y, rel=1e-12)
    assert state.z[0].tolist() == pytest.approx(z, rel=1e-12)
    assert torch.equal(out[:, -1], state.y)


def test_lem_equals_a_version_unit_by_unit():
    torch.manual_seed(0)
    cell, x = LEM(2, hidden_size=3, dt=0.6).double(), torch.randn(5, 2).double()
    V, b = cell.from_x.weight.tolist(), cell.from_x.bias.tolist()
    U, W_y = cell.from_y.weight.tolist(), cell.from_z.weight.tolist()
    y = z = [0.0] * 3
    for x_t in x.tolist():
        net = [product(V[j], x_t) + b[j] + (product(U[j], y) if j < 9 else 0) for j in range(12)]
        Δ_z, Δ_y = ([0.6 * logistic(a) for a in net[k : k + 3]] for k in (0, 3))
        z = [(1 - Δ_z[i]) * z[i] + Δ_z[i] * math.tanh(net[6 + i]) for i in range(3)]
        y = [(1 - Δ_y[i]) * y[i] + Δ_y[i] * math.tanh(net[9 + i] + product(W_y[i], z)) for i in range(3)]
    out, state = cell(x[None])
    assert state.y[0].tolist() == pytest.approx(y, rel=1e-12)
    assert state.z[0].tolist() == pytest.approx(z, rel=1e-12)
    assert torch.equal(out[:, -1], state.y)


def test_lem_by_hand():
    """All step sizes σ(0) = 1/2 at Δt = 1; z = 4 goes halfway to tanh(0), y = 2 halfway to tanh(z' = 2)."""
    cell = LEM(1, hidden_size=1).double()
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
        cell.from_z.weight.fill_(1)
    y, state = cell.step(torch.ones(1, 1).double(), LEMState(*torch.tensor([[[2.0]], [[4.0]]]).double()))
    assert state.z.item() == 2
    assert y.item() == pytest.approx(1 + math.tanh(2) / 2, rel=1e-12)


@pytest.mark.parametrize("damping", ["explicit", "implicit"])
def test_the_largest_stable_step_is_where_the_undriven_oscillator_stops_to_decay(damping):
    γ, ε = 2.0, 0.5
    cell = CoRNN(2, hidden_size=1, gamma=γ, epsilon=ε, damping=damping, dt=1e-3, elapsed="last-channel")

    def radius(Δt):
        """The spectral radius of one step without drive, from its two columns."""
        free = CoRNN(1, hidden_size=1, gamma=γ, epsilon=ε, damping=damping, dt=1e-3).double()
        with torch.no_grad():
            free.drive.weight.zero_()
            free.drive.bias.zero_()
        start = CoRNNState(*torch.eye(2).double()[:, :, None])
        _, end = free.advance(torch.zeros(2, 1).double(), torch.full((2, 1), Δt, dtype=torch.float64), start)
        return torch.linalg.eigvals(torch.cat(list(end), 1)).abs().max().item()

    assert radius(cell.longest) == pytest.approx(1, rel=1e-9)
    assert radius(0.99 * cell.longest) < 1 < radius(1.01 * cell.longest)


@pytest.mark.parametrize("kind", [CoRNN, LEM])
def test_a_longer_time_counts_as_the_largest_stable_step(kind):
    cell = kind(2, hidden_size=4, elapsed="last-channel").double()
    limit = cell.longest / cell.dt
    y, _ = cell(torch.tensor([[[0.7, limit]], [[0.7, 100 * limit]]]).double())
    torch.testing.assert_close(y[0, :, :-1], y[1, :, :-1])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: CoRNN(1, gamma=1.0, epsilon=0.0, dt=2.5),
            "CoRNN: dt = 2.5 must be at most 2, or the method is unstable",
        ),
        (lambda: LEM(1, dt=1.5), "LEM: dt = 1.5 must be at most 1, or the method is unstable"),
    ],
)
def test_an_unstable_step_is_refused(make, told):
    with pytest.raises(InvalidOption, match=told):
        make()


def test_numbers_of_parameters():
    for elapsed, inputs in (("constant", 3), ("last-channel", 2)):
        counts = [
            sum(p.numel() for p in kind(3, hidden_size=5, elapsed=elapsed).parameters())
            for kind in (CoRNN, LEM)
        ]
        assert counts == [5 * (inputs + 10 + 1), 4 * 5 * (inputs + 5 + 1)]
