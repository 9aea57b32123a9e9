"""Weights come from `torch.nn.LSTM` and go there: equal outputs, states and gradients."""

import pytest
import torch
from torch import nn

from recurra import InvalidInput, InvalidOption
from recurra_contract.torch_modules import equals_torch, layers_equal_torch, there_and_back
from recurra_lstm.cell import LSTM

INPUTS, HIDDEN = 3, 4
PROJECTED = "from_torch: proj_size = 2 makes h narrower than c"


def made(dtype):
    cell = LSTM(INPUTS, hidden_size=HIDDEN).to(dtype)
    nn.init.normal_(cell.from_x.bias)
    return cell


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_from_torch_equals_the_module(batch_first, bias):
    torch.manual_seed(0)
    module = nn.LSTM(INPUTS, HIDDEN, bias=bias, batch_first=batch_first).double()
    equals_torch(LSTM.from_torch(module), module)


def test_to_torch_equals_the_cell():
    torch.manual_seed(1)
    cell = made(torch.float64)
    equals_torch(cell, cell.to_torch())


def test_every_layer_and_direction_can_be_taken():
    torch.manual_seed(2)
    layers_equal_torch(LSTM, nn.LSTM(INPUTS, HIDDEN, 2, bidirectional=True, batch_first=True).double())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_there_and_back_keeps_weights_and_dtype_and_shares_nothing(dtype):
    there_and_back(made(dtype))


def test_the_biases_of_torch_are_added():
    module = nn.LSTM(INPUTS, HIDDEN)
    with torch.no_grad():
        module.bias_ih_l0.copy_(torch.arange(4 * HIDDEN))
        module.bias_hh_l0.fill_(100)
    assert LSTM.from_torch(module).from_x.bias.tolist() == list(range(100, 100 + 4 * HIDDEN))


@pytest.mark.parametrize(
    ("module", "where", "error", "told"),
    [
        (nn.LSTM(3, 4, proj_size=2), {}, InvalidOption, PROJECTED),
        (nn.LSTM(3, 4, proj_size=2), {"layer": 7}, InvalidOption, PROJECTED),
        (nn.LSTM(3, 4, num_layers=2), {"layer": 2}, InvalidOption, "layer = 2 is not one of the 2 from 0"),
        (nn.LSTM(3, 4), {"layer": -1}, InvalidOption, "layer = -1 is not one of the 1 from 0"),
        (nn.LSTM(3, 4), {"layer": 0.0}, InvalidOption, "layer = 0.0 is not one of the 1 from 0"),
        (nn.LSTM(3, 4), {"reverse": True}, InvalidOption, "reverse = True needs a bidirectional module"),
        (nn.GRU(3, 4), {"layer": 2}, InvalidInput, "from_torch: expected a torch.nn.LSTM, got GRU"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(module, where, error, told):
    with pytest.raises(error, match=told):
        LSTM.from_torch(module, **where)


def test_peepholes_are_refused():
    with pytest.raises(InvalidOption, match=r"peepholes = true has no counterpart in torch\.nn\.LSTM"):
        LSTM(3, hidden_size=4, peepholes=True).to_torch()
