"""Weights come from `torch.nn.LSTM` and go there: equal outputs, states and gradients."""

import pytest
import torch
from torch import nn

from recurra.errors import InvalidInput, InvalidOption
from recurra_lstm.cell import LSTM, LSTMState

INPUTS, HIDDEN, BATCH, STEPS = 3, 4, 2, 6
GATES = 4 * HIDDEN


def data(width):
    """Return x and a first state, as leaves that can have gradients."""
    sizes = [(BATCH, STEPS, width), (BATCH, HIDDEN), (BATCH, HIDDEN)]
    return [torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in sizes]


def same(got, expected, sources_got, sources_expected):
    """Compare y, h and c, and the gradients of a mixture of all three."""
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    weights = [torch.randn_like(part) for part in got]
    found = []
    for results, sources in ((got, sources_got), (expected, sources_expected)):
        loss = sum((part * w).sum() for part, w in zip(results, weights, strict=True))
        found.append(torch.autograd.grad(loss, sources))
    for a, b in zip(*found, strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_from_torch_equals_the_module(batch_first, bias):
    torch.manual_seed(0)
    module = nn.LSTM(INPUTS, HIDDEN, bias=bias, batch_first=batch_first).double()
    cell, (x, h, c) = LSTM.from_torch(module), data(INPUTS)
    y, (h_last, c_last) = cell(x, LSTMState(h, c))
    shown = x if batch_first else x.transpose(0, 1)
    y_t, (h_t, c_t) = module(shown, (h[None], c[None]))
    expected = (y_t if batch_first else y_t.transpose(0, 1)), h_t[0], c_t[0]
    ours, theirs = [cell.from_x.weight, cell.from_h.weight], [module.weight_ih_l0, module.weight_hh_l0]
    if bias:
        ours, theirs = [*ours, cell.from_x.bias], [*theirs, module.bias_ih_l0]
    same((y, h_last, c_last), expected, [x, h, c, *ours], [x, h, c, *theirs])


def test_to_torch_equals_the_cell():
    torch.manual_seed(1)
    cell, (x, h, c) = LSTM(INPUTS, hidden_size=HIDDEN).double(), data(INPUTS)
    nn.init.normal_(cell.from_x.bias)
    module = cell.to_torch()
    assert module.batch_first
    y, (h_last, c_last) = module(x, (h[None], c[None]))
    ours = [cell.from_x.weight, cell.from_h.weight, cell.from_x.bias]
    theirs = [module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0]
    got = cell(x, LSTMState(h, c))
    same((got[0], *got[1]), (y, h_last[0], c_last[0]), [x, h, c, *ours], [x, h, c, *theirs])


def test_every_layer_and_direction_can_be_taken():
    torch.manual_seed(2)
    module = nn.LSTM(INPUTS, HIDDEN, num_layers=2, bidirectional=True, batch_first=True).double()
    (x, _, _), first = data(INPUTS), None
    y, (h_last, c_last) = module(x)
    below = x
    for layer in range(2):
        outputs = []
        for reverse in (False, True):
            cell = LSTM.from_torch(module, layer, reverse)
            out, state = cell(below.flip(1) if reverse else below)
            outputs.append(out.flip(1) if reverse else out)
            torch.testing.assert_close(state.h, h_last[2 * layer + reverse], rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(state.c, c_last[2 * layer + reverse], rtol=1e-12, atol=1e-12)
            first = first or cell
        below = torch.cat(outputs, -1)
    torch.testing.assert_close(below, y, rtol=1e-12, atol=1e-12)
    assert (first.input_size, cell.input_size, cell.output_size) == (INPUTS, 2 * HIDDEN, HIDDEN)


def test_there_and_back_keeps_weights_and_dtype_and_shares_nothing():
    for dtype in (torch.float64, torch.bfloat16):
        cell = LSTM(INPUTS, hidden_size=HIDDEN).to(dtype)
        module = cell.to_torch()
        again = LSTM.from_torch(module)
        for (name, a), b in zip(cell.named_parameters(), again.parameters(), strict=True):
            assert torch.equal(a, b), name
            assert a.dtype == b.dtype == dtype
        with torch.no_grad():
            module.weight_ih_l0.zero_()
            module.bias_ih_l0.zero_()
        for kept in (cell, again):
            assert kept.from_x.weight.any()
            assert kept.from_x.bias.any()


def test_the_biases_of_torch_are_added():
    module = nn.LSTM(INPUTS, HIDDEN)
    with torch.no_grad():
        module.bias_ih_l0.copy_(torch.arange(GATES))
        module.bias_hh_l0.fill_(100)
    assert LSTM.from_torch(module).from_x.bias.tolist() == list(range(100, 100 + GATES))


@pytest.mark.parametrize(
    ("module", "where", "error", "told"),
    [
        (nn.LSTM(3, 4, proj_size=2), {}, InvalidOption, "from_torch: proj_size = 2 makes h narrower than c"),
        (nn.LSTM(3, 4, num_layers=2), {"layer": 2}, InvalidOption, "layer = 2 is not one of the 2 from 0"),
        (nn.LSTM(3, 4), {"layer": -1}, InvalidOption, "layer = -1 is not one of the 1 from 0"),
        (nn.LSTM(3, 4), {"reverse": True}, InvalidOption, "reverse = True needs a bidirectional module"),
        (nn.GRU(3, 4), {}, InvalidInput, "from_torch: expected a torch.nn.LSTM, got GRU"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(module, where, error, told):
    with pytest.raises(error, match=told):
        LSTM.from_torch(module, **where)


def test_peepholes_are_refused():
    with pytest.raises(InvalidOption, match="peepholes = true has no counterpart in"):
        LSTM(3, hidden_size=4, peepholes=True).to_torch()
