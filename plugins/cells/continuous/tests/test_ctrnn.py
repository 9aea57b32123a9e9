"""CTRNN by hand, unit by unit, and its constraints on the recurrent weights."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_continuous.ctrnn import CTRNN, CTRNNState

FUNCTIONS = {
    "tanh": math.tanh,
    "logistic": lambda a: 1 / (1 + math.exp(-a)),
    "relu": lambda a: max(a, 0.0),
    "softplus": lambda a: math.log1p(math.exp(a)),
}


def made(input_size=3, hidden_size=6, seed=0, **options):
    torch.manual_seed(seed)
    return CTRNN(input_size, hidden_size=hidden_size, **options).double()


@pytest.mark.parametrize(("method", "alpha"), [("euler", 0.25), ("exponential", 1 - math.exp(-0.25))])
def test_a_step_by_hand(method, alpha):
    """One ReLU unit: h = 4, W = -1/2, W_x = 3, b = 1, x = 2 drive it to -2 + 6 + 1 = 5, from h = 0 to 7."""
    cell = made(1, 1, activation="relu", tau=2.0, dt=0.5, method=method)
    with torch.no_grad():
        cell.connections.V.fill_(-0.5)
        cell.from_x.weight.fill_(3)
        cell.from_x.bias.fill_(1)
    x, h = torch.full((2, 1), 2.0).double(), torch.tensor([[4.0], [0.0]]).double()
    y, state = cell.step(x, CTRNNState(h))
    assert y[:, 0].tolist() == pytest.approx([4 + alpha * (5 - 4), alpha * 7], rel=1e-12)
    assert torch.equal(state.h, y)


@pytest.mark.parametrize("method", ["euler", "exponential"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_it_equals_a_version_unit_by_unit(activation, method):
    cell = made(activation=activation, method=method, learn_tau=True, tau=3.0, dt=0.5, density=0.6)
    with torch.no_grad():
        cell.log_tau.copy_(torch.rand(6))
    W, W_x, b = cell.connections.matrix().tolist(), cell.from_x.weight.tolist(), cell.from_x.bias.tolist()
    τ, f, x = [math.exp(a) for a in cell.log_tau.tolist()], FUNCTIONS[activation], torch.randn(5, 3).double()
    α = [0.5 / t if method == "euler" else 1 - math.exp(-0.5 / t) for t in τ]
    h = [0.0] * 6
    for t in range(5):
        r = [f(a) for a in h]
        net = [
            sum(w * a for w, a in zip(W[i], r, strict=True))
            + sum(w * a for w, a in zip(W_x[i], x[t].tolist(), strict=True))
            + b[i]
            for i in range(6)
        ]
        h = [h[i] + α[i] * (net[i] - h[i]) for i in range(6)]
    y, state = cell(x[None])
    assert state.h[0].tolist() == pytest.approx(h, rel=1e-12)
    assert y[0, -1].tolist() == pytest.approx([f(a) for a in h], rel=1e-12)


def test_a_constant_input_is_approached_at_the_rate_of_tau():
    """Without recurrent weights h(t) = c (1 - exp(-t / τ)), whatever the steps."""
    cell = made(1, 1, tau=2.0, dt=1.0)
    with torch.no_grad():
        cell.connections.V.zero_()
        cell.from_x.weight.fill_(3)
    _, states = cell(torch.ones(1, 4, 1).double(), states=True)
    expected = [3 * (1 - math.exp(-t / 2)) for t in (1, 2, 3, 4)]
    assert states.h[0, :, 0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("density", [1.0, 0.4])
def test_dales_law_holds_while_the_weights_learn(density):
    cell = made(hidden_size=20, dale=0.75, density=density, activation="softplus")
    absent = cell.connections.mask == 0
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        cell(torch.randn(4, 6, 3).double())[0].square().sum().backward()
        optimizer.step()
        W = cell.connections.matrix()
        assert (W[:, :15] >= 0).all()
        assert (W[:, 15:] <= 0).all()
        assert not W[absent].any()
    assert absent.double().mean().item() == pytest.approx(1 - density, abs=0.08)


@pytest.mark.parametrize("dale", [0.8, 0.25])
def test_excitation_and_inhibition_are_balanced(dale):
    W = made(hidden_size=400, dale=dale, activation="relu").connections.matrix()
    sums = [W.clamp(min=0).sum().item(), -W.clamp(max=0).sum().item()]
    assert sums[0] / sums[1] == pytest.approx(1, abs=0.05)


def test_the_gain_scales_the_spectrum():
    """The circular law: the eigenvalues of independent entries lie within the gain."""
    for density in (1.0, 0.3):
        W = made(hidden_size=400, gain=1.5, density=density).connections.matrix()
        assert torch.linalg.eigvals(W).abs().max().item() == pytest.approx(1.5, rel=0.1)


def test_low_rank_connections_are_their_matrix():
    cell = made(hidden_size=7, rank=2)
    W = cell.connections.matrix()
    assert torch.linalg.matrix_rank(W) == 2
    torch.testing.assert_close(W, cell.connections.M @ cell.connections.N.T / 7)
    r = torch.randn(3, 7).double()
    torch.testing.assert_close(cell.connections(r), r @ W.T)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 6 * (3 + 6 + 1)),
        ({"density": 0.5, "dale": 0.5, "activation": "relu"}, 6 * (3 + 6 + 1)),
        ({"rank": 2}, 6 * (3 + 4 + 1)),
        ({"learn_tau": True}, 6 * (3 + 6 + 1) + 6),
        ({"elapsed": "last-channel"}, 6 * (2 + 6 + 1)),
    ],
)
def test_number_of_parameters(options, count):
    assert sum(p.numel() for p in made(**options).parameters()) == count


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dale": 0.8}, "dale = 0.8 needs rates that are not negative; choose activation = relu"),
        ({"dale": 0.05, "activation": "relu"}, "dale = 0.05 leaves none of 6 units excitatory"),
        ({"rank": 2, "density": 0.5}, "rank = 2 excludes dale and density"),
        ({"rank": 2, "dale": 0.5, "activation": "relu"}, "rank = 2 excludes dale and density"),
        ({"rank": 7}, "rank = 7 must be at most hidden_size = 6"),
        ({"method": "euler", "dt": 1.5}, "dt = 1.5 must be at most 1, or the method is unstable"),
    ],
)
def test_what_does_not_go_together_is_refused(options, told):
    with pytest.raises(InvalidOption, match=f"^CTRNN: {told}"):
        made(**options)
