"""CfC by hand, in each of its modes, and against numbers of the authors' package."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_continuous.cfc import CfC, CfCState

PACKAGE = {
    "default": [-0.90508485365369, 0.302701963822782],
    "no-gate": [-1.39612096629698, 0.5723977286317],
    "pure": [0.887490284970475, 0.952610923852988],
}


def set_(parameter, values):
    with torch.no_grad():
        parameter.copy_(torch.tensor(values, dtype=parameter.dtype).view(parameter.shape))


@pytest.mark.parametrize(
    ("mode", "expected"), [("default", 0.75 * 0.6 + 0.25 * -0.8), ("no-gate", 0.6 - 0.2)]
)
def test_a_gated_step_by_hand(mode, expected):
    """Without a backbone and with W = 0: tanh f = 0.6, tanh g = -0.8, s = σ(-ln 3 / 2 * 4 + ln 3) = 1/4."""
    cell = CfC(1, hidden_size=1, mode=mode, backbone_layers=0, dt=4.0).double()
    set_(cell.heads.weight, [0.0] * 8)
    set_(cell.heads.bias, [math.atanh(0.6), math.atanh(-0.8), -math.log(3) / 2, math.log(3)])
    y, state = cell.step(torch.ones(1, 1).double(), CfCState(torch.ones(1, 1).double()))
    assert y.item() == state.h.item() == pytest.approx(expected, rel=1e-12)


def test_a_pure_step_by_hand():
    """f = 2 x - h = -1/2, |w_τ| = 1/2, A = 3: h' = 3 - 3 exp(-ln 2 * 1) (-1/2) = 3.75 after Δt = ln 2."""
    cell = CfC(1, hidden_size=1, mode="pure", backbone_layers=0, dt=math.log(2)).double()
    for parameter, values in (
        (cell.heads.weight, [2.0, -1.0]),
        (cell.heads.bias, [0.0]),
        (cell.w_tau, [-0.5]),
        (cell.A, [3.0]),
    ):
        set_(parameter, values)
    y, _ = cell.step(torch.full((1, 1), 0.25).double(), CfCState(torch.ones(1, 1).double()))
    assert y.item() == pytest.approx(3.75, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("lecun-tanh", 1.7159 * math.tanh(0.666 * 2)),
        ("tanh", math.tanh(2)),
        ("relu", 2.0),
        ("gelu", 1 + math.erf(2**0.5)),
        ("silu", 2 / (1 + math.exp(-2))),
    ],
)
def test_the_backbone_by_hand(activation, expected):
    """One layer that adds x and h, read as f by A = 1 without time: h' = 1 - f."""
    cell = CfC(2, hidden_size=1, mode="pure", backbone_units=1, activation=activation, elapsed="last-channel")
    cell = cell.double()
    set_(cell.backbone[0].weight, [1.0, 1.0])
    set_(cell.backbone[0].bias, [0.0])
    set_(cell.heads.weight, [1.0])
    set_(cell.heads.bias, [0.0])
    set_(cell.A, [1.0])
    _, state = cell.step(torch.tensor([[1.5, 0.0]]).double(), CfCState(torch.full((1, 1), 0.5).double()))
    assert state.h.item() == pytest.approx(1 - expected, rel=1e-12)


@pytest.mark.parametrize("mode", PACKAGE)
def test_it_equals_the_authors_package(mode):
    """Numbers of ncps 1.0: `CfCCell(2, 2, backbone_units=3)` with sines of whole numbers as weights."""
    cell = CfC(3, hidden_size=2, mode=mode, backbone_units=3, elapsed="last-channel").double()
    for k, (_, p) in enumerate(sorted(cell.named_parameters())):
        set_(p, [math.sin(k + 1 + n) for n in range(p.numel())])
    x = torch.tensor([[[0.5, -1.0, 0.5], [1.5, 0.25, 2.0]]]).double()
    assert cell(x)[1].h[0].tolist() == pytest.approx(PACKAGE[mode], rel=1e-12)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 7 * (3 + 5 + 1) + 4 * 5 * (7 + 1)),
        ({"backbone_layers": 3}, 7 * (3 + 5 + 1) + 2 * 7 * (7 + 1) + 4 * 5 * (7 + 1)),
        ({"backbone_layers": 0}, 4 * 5 * (3 + 5 + 1)),
        ({"mode": "no-gate"}, 7 * (3 + 5 + 1) + 4 * 5 * (7 + 1)),
        ({"mode": "pure"}, 7 * (3 + 5 + 1) + 5 * (7 + 3)),
        ({"elapsed": "last-channel"}, 7 * (2 + 5 + 1) + 4 * 5 * (7 + 1)),
    ],
)
def test_number_of_parameters(options, count):
    cell = CfC(3, hidden_size=5, backbone_units=7, **options)
    assert sum(p.numel() for p in cell.parameters()) == count


def test_matrices_are_initialized_one_by_one():
    cell = CfC(8, hidden_size=64, backbone_units=64)
    for W in cell.heads.weight.chunk(4):
        bound = (6 / (64 + 64)) ** 0.5
        assert 0.95 * bound < W.abs().max() <= bound


@pytest.mark.parametrize(
    ("option", "value"), [("mode", "gated"), ("activation", "elu"), ("backbone_layers", -1)]
)
def test_wrong_options_are_refused(option, value):
    with pytest.raises(InvalidOption, match=f"^CfC: {option} = "):
        CfC(3, **{option: value})
