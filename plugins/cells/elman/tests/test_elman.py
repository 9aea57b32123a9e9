"""Elman networks: numbers by hand, the gradient of 1990, and torch as the oracle."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from recurra import InvalidInput, InvalidOption
from recurra.config.options import keyword_options
from recurra_contract.torch_modules import equals_torch, layers_equal_torch, there_and_back
from recurra_elman.elman import Elman, ElmanState
from recurra_elman.jordan import Jordan


def filled(cell, **weights):
    with torch.no_grad():
        for name, value in weights.items():
            cell.get_parameter(name).copy_(torch.tensor(value))
    return cell.double()


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("tanh", math.tanh(2 * 0.5 - 1 * 0.25 + 0.1)),
        ("logistic", 1 / (1 + math.exp(-(2 * 0.5 - 1 * 0.25 + 0.1)))),
        ("relu", 0.85),
    ],
)
def test_a_step_by_hand(activation, expected):
    weights = {"from_x.weight": [[2.0]], "from_h.weight": [[-1.0]], "from_x.bias": [0.1]}
    cell = filled(Elman(1, hidden_size=1, activation=activation).double(), **weights)
    x, h = (torch.tensor([[v]], dtype=torch.float64) for v in (0.5, 0.25))
    y, state = cell.step(x, ElmanState(h))
    assert y.item() == pytest.approx(expected, rel=1e-7)
    assert state.h is y


def test_the_gradient_of_1990_ends_at_the_context():
    # Two steps of one unit from zero: the whole gradient of W has a second part, which goes through h_1. That
    # of U has not, since h_0 = 0.
    U, W, x = 0.5, 0.8, [1.0, -2.0]
    h_1 = math.tanh(W * x[0])
    y_2 = math.tanh(W * x[1] + U * h_1)
    own = (1 - y_2**2) * x[1]
    through = (1 - y_2**2) * U * (1 - h_1**2) * x[0]
    for truncated, expected in ((True, own), (False, own + through)):
        weights = {"from_x.weight": [[W]], "from_h.weight": [[U]], "from_x.bias": [0.0]}
        cell = filled(Elman(1, hidden_size=1, truncated=truncated).double(), **weights)
        y, _ = cell(torch.tensor([[[x[0]], [x[1]]]], dtype=torch.float64))
        y[0, 1].sum().backward()
        assert cell.from_x.weight.grad.item() == pytest.approx(expected, rel=1e-7)
        assert cell.from_h.weight.grad.item() == pytest.approx((1 - y_2**2) * h_1, rel=1e-7)
        assert cell.tags.exact_gradient is not truncated


def test_the_irnn_remembers_at_first():
    cell = Elman(2, hidden_size=3, activation="relu", start="identity").double()
    h = torch.rand(4, 3, dtype=torch.float64)
    y, _ = cell(torch.zeros(4, 100, 2, dtype=torch.float64), ElmanState(h))
    assert torch.equal(y[:, -1], h)
    assert 0 < cell.from_x.weight.abs().max() < 0.01


def test_a_scaled_identity_forgets_by_its_scale():
    cell = Elman(2, hidden_size=3, activation="relu", start="identity", scale=0.5).double()
    h = torch.rand(4, 3, dtype=torch.float64)
    y, _ = cell(torch.zeros(4, 3, 2, dtype=torch.float64), ElmanState(h))
    torch.testing.assert_close(y[:, -1], h / 8)
    with pytest.raises(InvalidOption, match=r"^Elman: scale = 0\.5 needs start = identity; start is glorot$"):
        Elman(2, scale=0.5)


def test_the_recurrent_weights_start_orthogonal():
    U = Elman(2, hidden_size=6).double().from_h.weight
    torch.testing.assert_close(U @ U.T, torch.eye(6, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 2), (5, 20)])
def test_counts(inputs, hidden):
    assert sum(p.numel() for p in Elman(inputs, hidden_size=hidden).parameters()) == hidden * (
        inputs + hidden + 1
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_from_torch_equals_the_module(nonlinearity, batch_first, bias):
    torch.manual_seed(0)
    module = nn.RNN(3, 4, nonlinearity=nonlinearity, bias=bias, batch_first=batch_first).double()
    equals_torch(Elman.from_torch(module), module)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_every_layer_and_direction_can_be_taken(nonlinearity):
    torch.manual_seed(2)
    options = {"nonlinearity": nonlinearity, "bidirectional": True, "batch_first": True}
    layers_equal_torch(Elman, nn.RNN(3, 4, 2, **options).double())


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_to_torch_equals_the_cell(activation):
    torch.manual_seed(1)
    cell = Elman(3, hidden_size=4, activation=activation).double()
    nn.init.normal_(cell.from_x.bias)
    module = cell.to_torch()
    assert not module.bias_hh_l0.any()
    equals_torch(cell, module)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_there_and_back_keeps_the_options_and_the_dtype_and_shares_nothing(activation, dtype):
    cell = Elman(3, hidden_size=4, activation=activation).to(dtype)
    nn.init.normal_(cell.from_x.bias)
    there_and_back(cell)


def test_what_torch_does_not_have_is_refused():
    for options, told in (
        ({"truncated": True}, "truncated = true"),
        ({"activation": "logistic"}, "'logistic'"),
    ):
        with pytest.raises(InvalidOption, match=f"{told} has no counterpart in torch.nn.RNN"):
            Elman(2, **options).to_torch()


def test_other_modules_layers_and_directions_are_refused():
    with pytest.raises(InvalidInput, match=r"expected a torch\.nn\.RNN, got GRU"):
        Elman.from_torch(nn.GRU(2, 3), layer=1)
    with pytest.raises(InvalidOption, match="layer = 1 is not one of the 1 from 0"):
        Elman.from_torch(nn.RNN(2, 3), layer=1)
    with pytest.raises(InvalidOption, match="reverse = True needs a bidirectional module"):
        Elman.from_torch(nn.RNN(2, 3), reverse=True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"activation": "tan"}, "activation"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"start": "zero"}, "start"),
    ],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=f"^Elman: {told} = "):
        Elman(2, **options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (Elman, Jordan):
        for option, (_, default) in keyword_options(component).items():
            shown = json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {})
