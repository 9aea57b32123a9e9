"""Weights come from `torch.nn.GRU` and go there: equal outputs, states and gradients."""

import pytest
import torch
from torch import nn

from recurra.errors import InvalidInput, InvalidOption
from recurra_gru.cell import GRU, GRUState

INPUTS, HIDDEN, BATCH, STEPS = 3, 4, 2, 6
GATES = 2 * HIDDEN


def data(width):
    """Return x and a first state, as leaves that can have gradients."""
    sizes = [(BATCH, STEPS, width), (BATCH, HIDDEN)]
    return [torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in sizes]


def same(got, expected, sources_got, sources_expected):
    """Compare y and h, and the gradients of a mixture of both."""
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    weights = [torch.randn_like(part) for part in got]
    found = []
    for results, sources in ((got, sources_got), (expected, sources_expected)):
        loss = sum((part * w).sum() for part, w in zip(results, weights, strict=True))
        found.append(torch.autograd.grad(loss, sources))
    for a, b in zip(*found, strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b[len(b) - len(a) :], rtol=1e-10, atol=1e-12)


def parameters(cell, module, bias=True):
    """Return the parameters of both that mean the same; the reset bias is the end of torch's second."""
    ours, theirs = [cell.from_x.weight, cell.from_h.weight], [module.weight_ih_l0, module.weight_hh_l0]
    if bias:
        ours += [cell.from_x.bias, cell.reset_bias]
        theirs += [module.bias_ih_l0, module.bias_hh_l0]
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_from_torch_equals_the_module(batch_first, bias):
    torch.manual_seed(0)
    module = nn.GRU(INPUTS, HIDDEN, bias=bias, batch_first=batch_first).double()
    cell, (x, h) = GRU.from_torch(module), data(INPUTS)
    y, (h_last,) = cell(x, GRUState(h))
    y_t, h_t = module(x if batch_first else x.transpose(0, 1), h[None])
    expected = (y_t if batch_first else y_t.transpose(0, 1)), h_t[0]
    ours, theirs = parameters(cell, module, bias)
    same((y, h_last), expected, [x, h, *ours], [x, h, *theirs])


def test_to_torch_equals_the_cell():
    torch.manual_seed(1)
    cell, (x, h) = GRU(INPUTS, hidden_size=HIDDEN).double(), data(INPUTS)
    nn.init.normal_(cell.from_x.bias)
    nn.init.normal_(cell.reset_bias)
    module = cell.to_torch()
    assert module.batch_first
    y, h_last = module(x, h[None])
    ours, theirs = parameters(cell, module)
    y_ours, (h_ours,) = cell(x, GRUState(h))
    same((y_ours, h_ours), (y, h_last[0]), [x, h, *ours], [x, h, *theirs])


def test_every_layer_and_direction_can_be_taken():
    torch.manual_seed(2)
    module = nn.GRU(INPUTS, HIDDEN, num_layers=2, bidirectional=True, batch_first=True).double()
    below, _ = data(INPUTS)
    y, h_last = module(below)
    for layer in range(2):
        outputs = []
        for reverse in (False, True):
            cell = GRU.from_torch(module, layer, reverse)
            assert cell.input_size == below.shape[-1]
            out, state = cell(below.flip(1) if reverse else below)
            outputs.append(out.flip(1) if reverse else out)
            torch.testing.assert_close(state.h, h_last[2 * layer + reverse], rtol=1e-12, atol=1e-12)
        below = torch.cat(outputs, -1)
    torch.testing.assert_close(below, y, rtol=1e-12, atol=1e-12)


def test_there_and_back_keeps_weights_and_dtype_and_shares_nothing():
    for dtype in (torch.float64, torch.bfloat16):
        cell = GRU(INPUTS, hidden_size=HIDDEN).to(dtype)
        nn.init.normal_(cell.from_x.bias)
        nn.init.normal_(cell.reset_bias)
        module = cell.to_torch()
        again = GRU.from_torch(module)
        for (name, a), b in zip(cell.named_parameters(), again.parameters(), strict=True):
            assert torch.equal(a, b), name
            assert a.dtype == b.dtype == dtype
        with torch.no_grad():
            for p in module.parameters():
                p.zero_()
        for kept in (cell, again):
            assert all(p.any() for p in kept.parameters())


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
        (nn.LSTM(3, 4), {}, InvalidInput, "from_torch: expected a torch.nn.GRU, got LSTM"),
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
