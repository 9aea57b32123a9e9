"""The mLSTM by hand and against its parallel form; numbers of any size, sizes and refusals."""

import math

import pytest
import torch
from torch.nn.functional import layer_norm, logsigmoid

from recurra import InvalidOption, leaves
from recurra_xlstm.mlstm import MLSTM, MLSTMState

I_, B, T = 3, 2, 7
SIZES = {"heads": 2, "key_size": 4, "value_size": 3}
FORGET = {"sigmoid": logsigmoid, "exponential": lambda raw: raw}


def drawn(scale=1.0, dtype=torch.float64, **options):
    torch.manual_seed(0)
    cell = MLSTM(I_, **SIZES, **options).to(dtype)
    for p in cell.parameters():
        torch.nn.init.normal_(p, std=scale)
    return cell


def parallel(cell, x):
    """All steps at once, without a stabiliser: scores (T, T) between every query and every earlier key."""
    heads, (_, values, keys) = cell.heads, cell.shape
    *vectors, o = torch.split(cell.vectors(x), cell.sizes, -1)
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in vectors)  # (B, h, T, size)
    raw_i, raw_f = cell.gates(x).mT.unflatten(1, (2, heads)).unbind(1)  # (B, h, T)
    total = FORGET[cell.options["forget_gate"]](raw_f).cumsum(-1)
    D = torch.tril(torch.exp((total[..., None] - total[..., None, :] + raw_i[..., None, :]).tril()))
    scores = q @ k.mT / keys**0.5 * D
    h = scores @ v / scores.sum(-1, keepdim=True).abs().clamp(min=1)
    if cell.options["norm"]:
        h = layer_norm(h, (values,)) * cell.norm.gain.unflatten(0, (heads, 1, -1))
    return torch.sigmoid(o) * h.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("forget_gate", FORGET)
def test_outputs_and_all_gradients_equal_the_parallel_form(forget_gate, norm):
    cell = drawn(forget_gate=forget_gate, norm=norm)
    x = torch.randn(B, T, I_, dtype=torch.float64, requires_grad=True)
    results = [cell(x)[0], parallel(cell, x)]
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)
    sources, weights = [x, *cell.parameters()], torch.randn_like(results[0])
    gradients = [torch.autograd.grad((result * weights).sum(), sources) for result in results]
    for got, expected in zip(*gradients, strict=True):
        assert expected.any()
        torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-10)


def test_two_steps_by_hand():
    """One head, K = V = 1; q = 1, k = x, v = 2, o = 1/2; log f = ln 1/2, i = e^x̃ = 3 and 1.

    C = 3 · 2 · 1 = 6 and n = 3, so y = ½ 6 / 3. With k = 0, C = 3, n = 1.5: y = ½ 3 / 1.5. With q = ½,
    n q = 0.75 / 2 is less than one: y = ½ · ¾ / 1.
    """
    cell = MLSTM(3, heads=1, key_size=1, value_size=1, norm=False).double()
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
        cell.vectors.weight[0, 0] = cell.vectors.weight[1, 1] = cell.gates.weight[0, 2] = 1.0
        cell.vectors.bias[2] = 2.0
    x = torch.tensor([[[1.0, 1.0, math.log(3)], [1.0, 0.0, 0.0], [0.5, 0.0, 0.0]]], dtype=torch.float64)
    y, _ = cell(x)
    expected = torch.tensor([[[1.0], [1.0], [0.375]]], dtype=torch.float64)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)


def test_the_scale_of_the_state_changes_nothing():
    """C e^m and n e^m are what is stored; m only keeps the numbers in range."""
    cell, x = drawn(norm=False), torch.randn(B, T, I_, dtype=torch.float64)
    C, n = torch.randn(B, 2, 3, 4).double(), torch.randn(B, 2, 4).double()
    y, _ = cell(x, MLSTMState(C, n, torch.zeros(B, 2, 1).double()))
    scaled = MLSTMState(C * math.exp(-5), n * math.exp(-5), torch.full((B, 2, 1), 5.0).double())
    torch.testing.assert_close(cell(x, scaled)[0], y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("scale", [30.0, 1e3, 1e6])
def test_numbers_of_any_size_give_finite_outputs_and_gradients(scale, norm):
    cell = drawn(scale, torch.float32, norm=norm)
    x = (scale * torch.randn(B, 20, I_)).requires_grad_()
    y, state = cell(x)
    (y.sum() + sum(leaf.sum() for _, leaf in leaves(state))).backward()
    everything = [y, x.grad, *(p.grad for p in cell.parameters()), *(leaf for _, leaf in leaves(state))]
    assert all(tensor.isfinite().all() for tensor in everything)


def test_number_of_parameters_and_state():
    for norm, gains in ((True, 6), (False, 0)):
        cell = MLSTM(I_, **SIZES, norm=norm)
        assert sum(p.numel() for p in cell.parameters()) == 2 * (8 + 6 + 2) * (I_ + 1) + gains
    shapes = {name: tuple(t.shape) for name, t in leaves(cell.initial_state(B))}
    assert shapes == {"state.C": (B, 2, 3, 4), "state.n": (B, 2, 4), "state.m": (B, 2, 1)}


def test_the_gates_start_as_published():
    cell = MLSTM(I_, heads=4)
    assert not cell.gates.weight.any()
    assert cell.gates.bias[4:].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert 0 < cell.gates.bias[:4].abs().max() < 0.5


def test_wrong_options_are_refused_by_name():
    with pytest.raises(InvalidOption, match=r"MLSTM: forget_gate = 'exp': .*sigmoid.*exponential"):
        MLSTM(I_, forget_gate="exp")
