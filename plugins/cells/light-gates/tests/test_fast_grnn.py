"""FastGRNN by hand, against the equations in plain numbers, and with weights of low rank."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_light_gates.fast_grnn import FastGRNN
from recurra_light_gates.shared import HiddenState

I_, H, B, T = 3, 4, 2, 6
LN3 = math.log(3)  # σ(ln 3) = 3/4, σ(-ln 3) = 1/4 and tanh(ln 3) = 4/5


@pytest.mark.parametrize(("candidate", "n"), [("tanh", 0.8), ("relu", LN3)])
def test_one_unit_by_hand(candidate, n):
    """a = -ln 3 + ln 3 / 4 4 = 0, so z = σ(ln 3) = 3/4; h' = (3/4 1/4 + 1/4) n + 3/4 4."""
    cell = FastGRNN(1, hidden_size=1, candidate=candidate, zeta=LN3, nu=-LN3).double()
    with torch.no_grad():
        for p, value in ((cell.from_x.weight, -LN3), (cell.from_h.weight, LN3 / 4), (cell.bias, LN3)):
            p.fill_(value)
        cell.zeta.fill_(LN3)
        cell.nu.fill_(-LN3)
    y, _ = cell.step(torch.ones(1, 1).double(), HiddenState(torch.full([1, 1], 4.0).double()))
    assert y.item() == pytest.approx(7 / 16 * n + 3, abs=1e-14)


def logistic(a):
    return 1 / (1 + math.exp(-a))


def matrix(layer):
    """W, or the product of its factors."""
    return layer.weight if isinstance(layer, nn.Linear) else layer[1].weight @ layer[0].weight


@pytest.mark.parametrize("options", [{}, {"rank": 2, "recurrent_rank": 3}, {"candidate": "relu"}])
def test_a_sequence_equals_the_equations_and_its_chunks(options):
    torch.manual_seed(0)
    cell = FastGRNN(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    x = torch.randn(B, T, I_, dtype=torch.float64)
    W, U, (b_z, b_n) = matrix(cell.from_x).tolist(), matrix(cell.from_h).tolist(), cell.bias.tolist()
    zeta, nu, expected = logistic(cell.zeta.item()), logistic(cell.nu.item()), []
    for row in x.tolist():
        h = [0.0] * H
        for x_t in row:
            pairs = [(W[j], x_t, U[j], h) for j in range(H)]
            a = [
                sum(map(math.prod, [*zip(w, v, strict=True), *zip(u, k, strict=True)]))
                for w, v, u, k in pairs
            ]
            for j in range(H):
                z, n = logistic(a[j] + b_z[j]), a[j] + b_n[j]
                n = math.tanh(n) if cell.options["candidate"] == "tanh" else max(n, 0.0)
                h[j] = (zeta * (1 - z) + nu) * n + z * h[j]
            expected.append(list(h))
    y, _ = cell(x)
    torch.testing.assert_close(y.flatten(0, 1), torch.tensor(expected, dtype=y.dtype), rtol=1e-11, atol=1e-12)
    first, state = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], state)[0]], 1), y)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, H * I_ + H * H + 2 * H + 2),
        ({"rank": 2, "recurrent_rank": 3}, 2 * (I_ + H) + 3 * 2 * H + 2 * H + 2),
    ],
)
def test_number_of_parameters_start_and_state(options, count):
    cell = FastGRNN(I_, hidden_size=H, **options)
    assert sum(p.numel() for p in cell.parameters()) == count
    assert (cell.bias == 1).all()
    assert (cell.zeta.item(), cell.nu.item()) == (1.0, -4.0)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


def test_initial_weights_have_a_standard_deviation_of_a_tenth():
    torch.manual_seed(1)
    cell = FastGRNN(100, hidden_size=100)
    for layer in (cell.from_x, cell.from_h):
        assert layer.weight.std().item() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rank": 0}, "FastGRNN: rank = 0: .*greater than 0"),
        ({"candidate": "sigmoid"}, "FastGRNN: candidate = 'sigmoid': .*tanh.*relu"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        FastGRNN(I_, **options)
