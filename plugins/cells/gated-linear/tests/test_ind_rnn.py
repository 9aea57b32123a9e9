"""The IndRNN by hand, against the equations in plain numbers, and its bound."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_gated_linear.ind_rnn import IndRNN
from recurra_gated_linear.shared import HiddenState

I_, H, B, T = 3, 4, 2, 6


@pytest.mark.parametrize(
    ("activation", "expected"), [("relu", [1.5, 0.0]), ("tanh", [math.tanh(1.5), math.tanh(-2.5)])]
)
def test_two_units_by_hand(activation, expected):
    """x = 2, W = (1, 1), b = -1/2, u = (1/2, -2) and h = (0, 2): 2 - 1/2 + 0 = 1.5 and 2 - 1/2 - 4 = -2.5."""
    cell = IndRNN(1, hidden_size=2, activation=activation).double()
    with torch.no_grad():
        cell.from_x.weight.fill_(1.0)
        cell.from_x.bias.fill_(-0.5)
        cell.from_h.copy_(torch.tensor([0.5, -2.0]))
    y, _ = cell.step(torch.full([1, 1], 2.0).double(), HiddenState(torch.tensor([[0.0, 2.0]]).double()))
    assert y[0].tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_sequence_equals_the_equations_and_its_chunks(activation):
    torch.manual_seed(0)
    cell = IndRNN(I_, hidden_size=H, activation=activation).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    x = torch.randn(B, T, I_, dtype=torch.float64)
    W, b, u = cell.from_x.weight.tolist(), cell.from_x.bias.tolist(), cell.from_h.tolist()
    expected = []
    for row in x.tolist():
        h = [0.0] * H
        for x_t in row:
            a = [sum(w * v for w, v in zip(W[j], x_t, strict=True)) + b[j] + u[j] * h[j] for j in range(H)]
            h = [math.tanh(n) if activation == "tanh" else max(n, 0.0) for n in a]
            expected.append(h)
    y, _ = cell(x)
    torch.testing.assert_close(
        y.flatten(0, 1), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12
    )
    first, state = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], state)[0]], 1), y)


def test_with_steps_the_weight_is_bounded_and_can_come_back():
    cell = IndRNN(1, hidden_size=3, steps=2, growth=4.0).double()  # |u| is at most 4^(1/2) = 2
    with torch.no_grad():
        cell.from_x.weight.zero_()
        cell.from_h.copy_(torch.tensor([5.0, -5.0, 1.5]))
    x, state = torch.zeros(1, 1).double(), HiddenState(torch.ones(1, 3).double())
    y, _ = cell.step(x, state)
    assert y[0].tolist() == [2.0, 0.0, 1.5]
    y.sum().backward()
    assert cell.from_h.grad.tolist() == [1.0, 0.0, 1.0]  # ReLU closes the second unit
    assert not cell.tags.exact_gradient
    assert IndRNN(1).tags.exact_gradient


@pytest.mark.parametrize(("steps", "bound"), [(None, 1.0), (10, 2**0.1)])
def test_start(steps, bound):
    cell = IndRNN(I_, hidden_size=2000, steps=steps)
    assert 0 <= cell.from_h.min() < 0.01
    assert bound - 0.01 < cell.from_h.max() <= bound
    assert not cell.from_x.bias.any()


def test_number_of_parameters_and_state():
    cell = IndRNN(I_, hidden_size=H)
    assert sum(p.numel() for p in cell.parameters()) == H * (I_ + 2)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"steps": 0}, "IndRNN: steps = 0: .*greater than 0"),
        ({"growth": -1.0}, "IndRNN: growth = -1.0: .*greater than 0"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        IndRNN(I_, **options)
