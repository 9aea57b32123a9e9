"""The SRU by hand and against the equations in plain numbers, in both versions."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_gated_linear.sru import SRU, SRUState

H, B, T = 4, 2, 6
LN3 = math.log(3)  # σ(ln 3) = 3/4 and σ(-ln 3) = 1/4
FORMS = [
    {
        "version": version,
        "activation": activation,
        "highway": highway,
        "rescale": rescale,
        "highway_bias": bias,
    }
    for version, activation in (("v2", "identity"), ("v1", "tanh"))
    for highway, rescale, bias in (
        (True, True, 0.0),
        (True, True, -1.5),
        (True, False, 0.0),
        (False, True, 0.0),
    )
]


def drawn(inputs, **options):
    cell = SRU(inputs, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


@pytest.mark.parametrize(
    ("version", "expected_c", "expected_y"),
    [
        # f = r = σ(ln 3 / 2 + ln 3 / 8 c) = 3/4 for c = 4: c' = 3/4 4 + 1/4 2; y = 3/4 3.5 + 1/4 √3
        ("v2", 3.5, 0.75 * 3.5 + 0.25 * math.sqrt(3)),
        # without c, f = r = σ(ln 3 / 2) = √3 / (1 + √3)
        ("v1", 2 + 2 * (f := math.sqrt(3) / (1 + math.sqrt(3))), f * (2 + 2 * f) + (1 - f) * math.sqrt(3)),
    ],
)
def test_one_unit_by_hand(version, expected_c, expected_y):
    """x = 1, W = 2, h = 4 and α = √(1 + 2 e^0) = √3."""
    cell = SRU(1, hidden_size=1, version=version).double()
    with torch.no_grad():
        cell.from_x.weight.copy_(torch.tensor([[2.0], [0.0], [0.0]]))
        cell.bias.fill_(LN3 / 2)
        if cell.from_c is not None:
            cell.from_c.fill_(LN3 / 8)
    y, state = cell.step(torch.ones(1, 1).double(), SRUState(torch.full([1, 1], 4.0).double()))
    assert state.c.item() == pytest.approx(expected_c, abs=1e-14)
    assert y.item() == pytest.approx(expected_y, abs=1e-14)


def naive(cell, x):
    """The equations, in plain numbers: one row, one step and one unit at a time."""
    W, (b_f, b_r), said = cell.from_x.weight.tolist(), cell.bias.tolist(), cell.options
    v_f, v_r = cell.from_c.tolist() if said["version"] == "v2" else ([0.0] * H, [0.0] * H)
    alpha = math.sqrt(1 + 2 * math.exp(said["highway_bias"])) if said["rescale"] else 1.0
    outputs = []
    for row in x.tolist():
        c = [0.0] * H
        for x_t in row:
            a = [sum(w * v for w, v in zip(ws, x_t, strict=True)) for ws in W]
            for j in range(H):
                f = 1 / (1 + math.exp(-a[H + j] - v_f[j] * c[j] - b_f[j]))
                r = 1 / (1 + math.exp(-a[2 * H + j] - v_r[j] * c[j] - b_r[j]))
                c[j] = f * c[j] + (1 - f) * a[j]
                shown = math.tanh(c[j]) if said["activation"] == "tanh" else c[j]
                passed = a[3 * H + j] if len(a) > 3 * H else alpha * x_t[j] if said["highway"] else 0.0
                outputs.append(r * shown + (1 - r) * passed)
    return torch.tensor(outputs, dtype=torch.float64).view(len(x), -1, H)


@pytest.mark.parametrize("inputs", [H, H - 1])
@pytest.mark.parametrize("options", FORMS)
def test_a_sequence_equals_the_equations_and_its_chunks(options, inputs):
    torch.manual_seed(0)
    cell, x = drawn(inputs, **options), torch.randn(B, T, inputs, dtype=torch.float64)
    y, state = cell(x)
    torch.testing.assert_close(y, naive(cell, x), rtol=1e-12, atol=1e-12)
    first, between = cell(x[:, :2])
    second, last = cell(x[:, 2:], between)
    assert torch.equal(torch.cat([first, second], 1), y)
    assert torch.equal(last.c, state.c)


@pytest.mark.parametrize(
    ("inputs", "options", "count"),
    [
        (H, {}, 3 * H * H + 4 * H),
        (H, {"version": "v1"}, 3 * H * H + 2 * H),
        (9, {}, 4 * H * 9 + 4 * H),
        (9, {"highway": False}, 3 * H * 9 + 4 * H),
    ],
)
def test_number_of_parameters_and_state(inputs, options, count):
    cell = SRU(inputs, hidden_size=H, **options)
    assert sum(p.numel() for p in cell.parameters()) == count
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.c": (B, H)}
    assert torch.equal(cell.diagnostics(state)["cell"], state.c)


def test_start():
    torch.manual_seed(1)
    cell = SRU(100, hidden_size=200, highway_bias=-2.0)
    W, W_f, W_r, W_x = cell.from_x.weight.detach().split(200)
    alpha = math.sqrt(1 + 2 * math.exp(-2))
    for found, variance in ((W, 1), (W_f, 0.5), (W_r, 0.5), (W_x, alpha**2)):
        assert found.var().item() * 100 == pytest.approx(variance, rel=0.03)
        assert found.abs().max() <= math.sqrt(3 * variance / 100) + 1e-6
    assert cell.from_c.abs().max() <= math.sqrt(1.5)
    assert cell.bias[0].tolist() == [0] * 200
    assert cell.bias[1].tolist() == [-2] * 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"version": "v3"}, "SRU: version = 'v3': .*v1.*v2"),
        ({"activation": "relu"}, "SRU: activation = 'relu': .*identity.*tanh"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        SRU(H, **options)
