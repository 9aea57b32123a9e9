"""The multiplicative LSTM by hand and against the equations in plain numbers."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_light_gates.multiplicative import MultiplicativeLSTM, MultiplicativeLSTMState

I_, H, B, T = 3, 4, 2, 6
LN3 = math.log(3)  # σ(ln 3) = 3/4, σ(-ln 3) = 1/4 and tanh(ln 3) = 4/5


def test_one_unit_by_hand():
    """m = (1/2) (1 4) = 2; i = σ(m ln 3 / 2), f = σ(-ln 3 x), g = tanh(ln 3 + 0 m), o = 1/2.

    From c = 4: c' = 1/4 4 + 3/4 4/5 = 1.6 and h' = tanh(1.6) / 2.
    """
    cell = MultiplicativeLSTM(1, hidden_size=1).double()
    weights = {
        "m_from_x.weight": [0.5],
        "m_from_h.weight": [1.0],
        "from_x.weight": [0, -LN3, LN3, 0],
        "from_m.weight": [LN3 / 2, 0, 0, 0],
        "from_x.bias": [0, 0, 0, 0],
    }
    with torch.no_grad():
        for name, p in cell.named_parameters():
            p.copy_(torch.tensor(weights[name], dtype=torch.float64).view_as(p))
    four = torch.full([1, 1], 4.0).double()
    y, state = cell.step(torch.ones(1, 1).double(), MultiplicativeLSTMState(four, four))
    assert state.c.item() == pytest.approx(1.6, abs=1e-14)
    assert y.item() == pytest.approx(math.tanh(1.6) / 2, abs=1e-14)
    assert torch.equal(y, state.h)


def affine(W, x):
    return [sum(w * v for w, v in zip(ws, x, strict=True)) for ws in W]


def logistic(a):
    return 1 / (1 + math.exp(-a))


def test_a_sequence_equals_the_equations_and_its_chunks():
    torch.manual_seed(0)
    cell = MultiplicativeLSTM(I_, hidden_size=H).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    x, expected = torch.randn(B, T, I_, dtype=torch.float64), []
    w = {name: p.tolist() for name, p in cell.named_parameters()}
    for row in x.tolist():
        h, c = [0.0] * H, [0.0] * H
        for x_t in row:
            m_x, m_h = affine(w["m_from_x.weight"], x_t), affine(w["m_from_h.weight"], h)
            m = [a * b for a, b in zip(m_x, m_h, strict=True)]
            parts = affine(w["from_x.weight"], x_t), affine(w["from_m.weight"], m), w["from_x.bias"]
            a = [sum(n) for n in zip(*parts, strict=True)]
            i, f, g, o = (a[k : k + H] for k in range(0, 4 * H, H))
            c = [logistic(f[j]) * c[j] + logistic(i[j]) * math.tanh(g[j]) for j in range(H)]
            h = [logistic(o[j]) * math.tanh(c[j]) for j in range(H)]
            expected.append(h)
    y, _ = cell(x)
    torch.testing.assert_close(y.flatten(0, 1), torch.tensor(expected, dtype=y.dtype), rtol=1e-11, atol=1e-12)
    first, state = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], state)[0]], 1), y)


def test_number_of_parameters_start_and_state():
    cell = MultiplicativeLSTM(I_, hidden_size=H, forget_bias=2.0)
    assert sum(p.numel() for p in cell.parameters()) == 5 * H * (I_ + H) + 4 * H
    assert cell.from_x.bias.view(4, H).tolist() == [[0] * H, [2] * H, [0] * H, [0] * H]
    for U in (cell.m_from_h.weight, *cell.from_m.weight.chunk(4)):
        torch.testing.assert_close(U @ U.T, torch.eye(H), rtol=0, atol=1e-5)
    state = cell.initial_state(B)
    shapes = {name: tuple(t.shape) for name, t in leaves(state)}
    assert shapes == {"state.h": (B, H), "state.c": (B, H)}
    assert torch.equal(cell.diagnostics(state)["cell"], state.c)


def test_wrong_options_are_refused_by_name():
    with pytest.raises(InvalidOption, match=r"MultiplicativeLSTM: hidden_size = 0: .*greater than 0"):
        MultiplicativeLSTM(I_, hidden_size=0)
