"""Weights come from `torch.nn.GRU` and go there: equal outputs, states and gradients."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from recurra import InvalidInput, InvalidOption
from recurra_contract.torch_modules import equals_torch, layers_equal_torch, there_and_back
from recurra_gru.cell import GRU

INPUTS, HIDDEN = 3, 4
GATES = 2 * HIDDEN
RESET_BIAS = {"reset_bias": "bias_hh_l0"}  # the end of torch's second bias


def made(dtype):
    cell = GRU(INPUTS, hidden_size=HIDDEN).to(dtype)
    nn.init.normal_(cell.from_x.bias)
    nn.init.normal_(cell.reset_bias)
    return cell


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_from_torch_equals_the_module(batch_first, bias):
    torch.manual_seed(0)
    module = nn.GRU(INPUTS, HIDDEN, bias=bias, batch_first=batch_first).double()
    equals_torch(GRU.from_torch(module), module, RESET_BIAS)


def test_to_torch_equals_the_cell():
    torch.manual_seed(1)
    cell = made(torch.float64)
    equals_torch(cell, cell.to_torch(), RESET_BIAS)


def test_every_layer_and_direction_can_be_taken():
    torch.manual_seed(2)
    layers_equal_torch(GRU, nn.GRU(INPUTS, HIDDEN, 2, bidirectional=True, batch_first=True).double())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_there_and_back_keeps_weights_and_dtype_and_shares_nothing(dtype):
    there_and_back(made(dtype))


def test_the_biases_of_torch_are_added_in_the_gates_alone():
    module = nn.GRU(INPUTS, HIDDEN)
    with torch.no_grad():
        module.bias_ih_l0.copy_(torch.arange(3 * HIDDEN))
        module.bias_hh_l0.fill_(100)
    cell = GRU.from_torch(module)
    assert cell.from_x.bias.tolist() == [*range(100, 100 + GATES), *range(GATES, 3 * HIDDEN)]
    assert cell.reset_bias.tolist() == [100] * HIDDEN


@pytest.mark.parametrize(
    ("module", "where", "error", "told"),
    [
        (nn.GRU(3, 4, num_layers=2), {"layer": 2}, InvalidOption, "layer = 2 is not one of the 2 from 0"),
        (nn.GRU(3, 4), {"layer": -1}, InvalidOption, "layer = -1 is not one of the 1 from 0"),
        (nn.GRU(3, 4), {"reverse": True}, InvalidOption, "reverse = True needs a bidirectional module"),
        (nn.LSTM(3, 4), {"layer": 2}, InvalidInput, "from_torch: expected a torch.nn.GRU, got LSTM"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(module, where, error, told):
    with pytest.raises(error, match=told):
        GRU.from_torch(module, **where)


@pytest.mark.parametrize(("option", "value"), [("reset", "before"), ("candidate", "relu")])
def test_what_torch_has_not_is_refused(option, value):
    told = f"GRU.to_torch: {option} = '{value}' has no counterpart in torch.nn.GRU"
    with pytest.raises(InvalidOption, match=told):
        GRU(3, hidden_size=4, **{option: value}).to_torch()


def test_parametrized_weights_go_to_torch_as_they_are():
    cell = made(torch.float64)
    orthogonal(cell.from_h)
    x = torch.randn(2, 5, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(cell.to_torch()(x)[0], cell(x)[0])
