"""The HGRN by hand and against the equations in complex numbers."""

import cmath
import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_gated_linear.hgrn import HGRN, HGRNState

I_, H, B, T = 3, 4, 2, 5
FORMS = [
    {"rotation": rotation, "lower_bound": bound, "learned_bound": learned}
    for rotation in (True, False)
    for bound, learned in ((0.0, False), (0.6, False), (0.6, True))
]


def logistic(a):
    return 1 / (1 + math.exp(-a))


def drawn(**options):
    cell = HGRN(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


def test_one_unit_by_hand():
    """γ = 1/2 and a forget gate of 1/2 keep λ = 3/4 of h = 4 + 8i, turned by a right angle: -6 + 3i."""
    cell = HGRN(1, hidden_size=1, lower_bound=0.5).double()
    with torch.no_grad():
        cell.from_x.weight.zero_()
        cell.from_x.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 0.0, 0.0]))  # λ, then c and g of two parts
        cell.theta.fill_(math.pi / 2)
    _, state = cell.step(torch.ones(1, 1).double(), HGRNState(torch.tensor([[[4.0], [8.0]]]).double()))
    re, im = state.h.flatten().tolist()
    assert re == pytest.approx(-6 + 0.25 * logistic(1), abs=1e-14)
    assert im == pytest.approx(3 - 0.25 * logistic(-1), abs=1e-14)


def naive(cell, x):
    """The equations with complex numbers, one row, one step and one unit at a time."""
    w = {name: p.tolist() for name, p in cell.named_parameters()}
    P, outputs = cell.parts, []
    gamma = [logistic(b) for b in w["bound"]] if "bound" in w else [cell.options["lower_bound"]] * H
    turn = [cmath.exp(1j * t) for t in w["theta"]] if P == 2 else [1] * H
    for row in x.tolist():
        h = [0j] * H
        for x_t in row:
            rows = zip(w["from_x.weight"], w["from_x.bias"], strict=True)
            a = [sum(v * n for v, n in zip(ws, x_t, strict=True)) + b for ws, b in rows]
            silu = [u * logistic(u) for u in a[H : H + P * H]] + [0.0] * H
            for j in range(H):
                kept = gamma[j] + (1 - gamma[j]) * logistic(a[j])
                h[j] = kept * turn[j] * h[j] + (1 - kept) * complex(silu[j], silu[H + j] if P == 2 else 0)
            parts = [n.real for n in h] + [n.imag for n in h][: (P - 1) * H]
            gated = [logistic(g) * n for g, n in zip(a[H + P * H :], parts, strict=True)]
            mean = sum(gated) / len(gated)
            spread = math.sqrt(sum((n - mean) ** 2 for n in gated) / len(gated) + 1e-5)
            gains = zip(gated, w["norm.weight"], w["norm.bias"], strict=True)
            normal = [(n - mean) / spread * gain + bias for n, gain, bias in gains]
            to_y = zip(w["to_y.weight"], w["to_y.bias"], strict=True)
            outputs.append([sum(v * n for v, n in zip(ws, normal, strict=True)) + b for ws, b in to_y])
    return torch.tensor(outputs, dtype=torch.float64).view(len(x), -1, H)


@pytest.mark.parametrize("options", FORMS)
def test_a_sequence_equals_the_equations_and_its_chunks(options):
    torch.manual_seed(0)
    cell, x = drawn(**options), torch.randn(B, T, I_, dtype=torch.float64)
    y, _ = cell(x)
    torch.testing.assert_close(y, naive(cell, x), rtol=1e-11, atol=1e-11)
    first, between = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], between)[0]], 1), y)


def test_a_high_bound_remembers():
    torch.manual_seed(1)
    low, high = (HGRN(I_, hidden_size=H, rotation=False, lower_bound=bound) for bound in (0.0, 0.99))
    high.load_state_dict(low.state_dict())
    start, x = HGRNState(torch.ones(1, 1, H)), torch.zeros(1, 20, I_)
    kept = [cell(x, start)[1].h.min().item() for cell in (low, high)]
    assert kept[0] < 0.1
    assert kept[1] > 0.8


@pytest.mark.parametrize("options", FORMS)
def test_number_of_parameters_and_state(options):
    cell = HGRN(I_, hidden_size=H, **options)
    P = 2 if options["rotation"] else 1
    count = (2 * P + 1) * H * (I_ + 1) + 2 * P * H + H * (P * H + 1)
    count += H * options["rotation"] + H * options["learned_bound"]
    assert sum(p.numel() for p in cell.parameters()) == count
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, P, H)}
    assert cell.diagnostics(state)["hidden units"].shape == (B, H)


def test_start():
    cell = HGRN(I_, hidden_size=H, lower_bound=0.25, learned_bound=True)
    assert cell.theta.tolist() == pytest.approx([1, 1e-2, 1e-4, 1e-6])
    assert torch.sigmoid(cell.bound).tolist() == pytest.approx([0.25] * H)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lower_bound": 1.0}, "HGRN: lower_bound = 1.0: .*less than 1"),
        ({"learned_bound": True}, "HGRN: learned_bound needs lower_bound > 0 to start from; it is 0"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        HGRN(I_, **options)
