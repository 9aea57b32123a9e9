"""The AntisymmetricRNN by hand, against the equations in plain numbers, and its stability."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_light_gates.antisymmetric import AntisymmetricRNN
from recurra_light_gates.shared import HiddenState

I_, H, B, T = 3, 4, 2, 6
LN3 = math.log(3)  # tanh(ln 3) = 4/5 and σ(ln 3) = 3/4


@pytest.mark.parametrize(("gated", "change"), [(False, [0.4, -0.4]), (True, [0.3, -0.1])])
def test_two_units_by_hand(gated, change):
    """W - Wᵀ turns h = (0, 2) to (2 d, 0), and γ = 1/2 takes 1 off the second unit: A h = (ln 3, -1).

    With b = (0, 1 - ln 3) the units see ±ln 3 and move by ε tanh = ± 1/2 4/5; the biases of z, (0, 1 - ln 3),
    open the gates by 3/4 and 1/4.
    """
    cell = AntisymmetricRNN(1, hidden_size=2, gated=gated, step_size=0.5, diffusion=0.5).double()
    with torch.no_grad():
        cell.from_h.copy_(torch.tensor([[7.0, 3.0], [3.0 - LN3 / 2, -5.0]], dtype=torch.float64))
        cell.from_x.weight.zero_()
        cell.from_x.bias.view(-1, 2).copy_(torch.tensor([0.0, 1 - LN3], dtype=torch.float64))
    y, _ = cell.step(torch.ones(1, 1).double(), HiddenState(torch.tensor([[0.0, 2.0]]).double()))
    assert y[0].tolist() == pytest.approx([change[0], 2 + change[1]], abs=1e-14)


@pytest.mark.parametrize("gated", [False, True])
def test_a_sequence_equals_the_equations_and_its_chunks(gated):
    torch.manual_seed(0)
    cell = AntisymmetricRNN(I_, hidden_size=H, gated=gated, step_size=0.3, diffusion=0.2).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    x = torch.randn(B, T, I_, dtype=torch.float64)
    V, b, W = cell.from_x.weight.tolist(), cell.from_x.bias.tolist(), cell.from_h.tolist()
    expected = []
    for row in x.tolist():
        h = [0.0] * H
        for x_t in row:
            recalled = [sum((W[j][k] - W[k][j]) * h[k] for k in range(H)) - 0.2 * h[j] for j in range(H)]
            a = [sum(v * n for v, n in zip(vs, x_t, strict=True)) + b_j for vs, b_j in zip(V, b, strict=True)]
            gates = [1 / (1 + math.exp(-recalled[j] - a[H + j])) if gated else 1.0 for j in range(H)]
            h = [h[j] + 0.3 * gates[j] * math.tanh(recalled[j] + a[j]) for j in range(H)]
            expected.append(h)
    y, _ = cell(x)
    torch.testing.assert_close(y.flatten(0, 1), torch.tensor(expected, dtype=y.dtype), rtol=1e-11, atol=1e-12)
    first, state = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], state)[0]], 1), y)


def test_small_states_neither_decay_nor_explode():
    """Without input and damping, h turns: over 1,000 small steps its length changes little."""
    torch.manual_seed(1)
    cell = AntisymmetricRNN(I_, hidden_size=H, step_size=1e-3, diffusion=0.0).double()
    h = 1e-2 * torch.randn(1, H, dtype=torch.float64)
    _, last = cell(torch.zeros(1, 1000, I_, dtype=torch.float64), HiddenState(h))
    assert (last.h - h).norm() > 0.1 * h.norm()
    assert last.h.norm().item() == pytest.approx(h.norm().item(), rel=0.01)


@pytest.mark.parametrize(("gated", "rows"), [(False, 1), (True, 2)])
def test_number_of_parameters_and_state(gated, rows):
    cell = AntisymmetricRNN(I_, hidden_size=H, gated=gated)
    assert sum(p.numel() for p in cell.parameters()) == H * H + rows * H * (I_ + 1)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


def test_start():
    torch.manual_seed(2)
    cell = AntisymmetricRNN(64, hidden_size=100, spread=2.0)
    assert cell.from_x.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert cell.from_h.std().item() == pytest.approx(2 / 10, rel=0.05)
    assert not cell.from_x.bias.any()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"step_size": 0.0}, "AntisymmetricRNN: step_size = 0.0: .*greater than 0"),
        ({"epsilon": 0.1}, "AntisymmetricRNN: unknown option 'epsilon'; it has hidden_size, step_size"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        AntisymmetricRNN(I_, **options)
