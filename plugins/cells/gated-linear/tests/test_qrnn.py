"""The QRNN by hand, against the equations in plain numbers, and against a convolution over the sequence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv1d, pad

from recurra import InvalidOption, leaves
from recurra_gated_linear.qrnn import GATES, QRNN, QRNNState

I_, H, B, T = 3, 4, 2, 7
LN3 = math.log(3)  # σ(ln 3) = 3/4, σ(-ln 3) = 1/4 and tanh(ln 3) = 4/5


def drawn(**options):
    cell = QRNN(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("f", 3.2),  # 3/4 4 + 1/4 4/5
        ("fo", 0.8),  # a quarter of it
        ("ifo", 0.25 * (3 + 0.6)),  # 3/4 4 + 3/4 4/5, of which a quarter is shown
    ],
)
def test_one_unit_by_hand(pooling, expected):
    """z sees the input before x = 1, which was -1 and has weight -ln 3; f, o and i see x alone."""
    cell = QRNN(1, hidden_size=1, pooling=pooling, window=2).double()
    rows = torch.tensor([[-LN3, 0], [0, LN3], [0, -LN3], [0, LN3]], dtype=torch.float64)  # z, f, o, i
    with torch.no_grad():
        cell.from_x.weight.copy_(rows[: 1 + GATES[pooling]])
        cell.from_x.bias.zero_()
    c, before, x = (torch.full(s, v).double() for s, v in (([1, 1], 4.0), ([1, 1, 1], -1.0), ([1, 1], 1.0)))
    y, state = cell.step(x, QRNNState(c, before))
    assert y.item() == pytest.approx(expected, abs=1e-14)
    assert state.inputs.tolist() == [[[1.0]]]


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("pooling", GATES)
def test_a_sequence_equals_a_causal_convolution_and_pooling(pooling, window):
    torch.manual_seed(0)
    cell, x = drawn(pooling=pooling, window=window), torch.randn(B, T, I_, dtype=torch.float64)
    kernel = cell.from_x.weight.view(-1, window, I_).transpose(1, 2)
    convolved = conv1d(pad(x.transpose(1, 2), (window - 1, 0)), kernel, cell.from_x.bias).transpose(1, 2)
    z, f, *others = convolved.split(H, -1)
    c, expected = torch.zeros(B, H, dtype=torch.float64), []
    for t in range(T):
        f_t, z_t = f[:, t].sigmoid(), z[:, t].tanh()
        c = f_t * c + (others[1][:, t].sigmoid() if pooling == "ifo" else 1 - f_t) * z_t
        expected.append(c if pooling == "f" else others[0][:, t].sigmoid() * c)
    y, state = cell(x)
    torch.testing.assert_close(y, torch.stack(expected, 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.c, c, rtol=1e-12, atol=1e-12)
    assert torch.equal(state.inputs, x[:, T - window + 1 :])


@settings(max_examples=20)
@given(cut=st.integers(0, T), window=st.integers(1, 5), pooling=st.sampled_from(list(GATES)))
def test_chunks_equal_the_whole(cut, window, pooling):
    torch.manual_seed(1)
    cell, x = drawn(pooling=pooling, window=window), torch.randn(B, T, I_, dtype=torch.float64)
    first, state = cell(x[:, :cut])
    second, _ = cell(x[:, cut:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), cell(x)[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize(("pooling", "rows"), [("f", 2), ("fo", 3), ("ifo", 4)])
def test_number_of_parameters_start_and_state(pooling, rows, window):
    cell = QRNN(I_, hidden_size=H, pooling=pooling, window=window)
    assert sum(p.numel() for p in cell.parameters()) == rows * H * (window * I_ + 1)
    bound = (6 / (window * I_ + H)) ** 0.5
    assert 0.5 * bound < cell.from_x.weight.abs().max() <= bound
    assert not cell.from_x.bias.any()
    state = cell.initial_state(B)
    shapes = {name: tuple(t.shape) for name, t in leaves(state)}
    assert shapes == {"state.c": (B, H), "state.inputs": (B, window - 1, I_)}
    assert torch.equal(cell.diagnostics(state)["cell"], state.c)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"window": 0}, "QRNN: window = 0: .*greater than 0"),
        ({"pooling": "of"}, "QRNN: pooling = 'of': .*f.*fo.*ifo"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        QRNN(I_, **options)
