"""The sLSTM by hand and without its stabiliser; numbers of any size, sizes and refusals."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch.nn.functional import layer_norm

from recurra import InvalidOption, leaves
from recurra.config.options import keyword_options
from recurra_wrappers import LayerNormalised
from recurra_xlstm.mlstm import MLSTM
from recurra_xlstm.slstm import SLSTM

I_, H, HEADS, B, T = 3, 6, 2, 2, 5
FORGET = {"sigmoid": torch.sigmoid, "exponential": torch.exp}


def drawn(scale=1.0, dtype=torch.float64, **options):
    torch.manual_seed(0)
    cell = SLSTM(I_, hidden_size=H, heads=HEADS, **options).to(dtype)
    for p in cell.parameters():
        torch.nn.init.normal_(p, std=scale)
    return cell


def naive(cell, x):
    """The equations with gates that are exponential and nothing more, with R as one block-diagonal matrix."""
    d = H // HEADS
    R = torch.cat([torch.block_diag(*R_g.mT) for R_g in cell.from_h.chunk(4, -1)])  # (4 H, H)
    h = c = n = torch.zeros(B, H, dtype=torch.float64)
    outputs = []
    for x_t in x.unbind(1):
        i, f, z, o = (cell.from_x(x_t) + h @ R.mT).chunk(4, -1)
        i, f = torch.exp(i), FORGET[cell.options["forget_gate"]](f)
        c, n = f * c + i * torch.tanh(z), f * n + i
        h = torch.sigmoid(o) * c / n
        normed = layer_norm(h.unflatten(-1, (HEADS, d)), (d,)).flatten(1)
        outputs.append(normed * cell.norm.gain if cell.options["norm"] else h)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("forget_gate", FORGET)
def test_outputs_and_all_gradients_equal_the_equations(forget_gate, norm):
    cell = drawn(forget_gate=forget_gate, norm=norm)
    x = torch.randn(B, T, I_, dtype=torch.float64, requires_grad=True)
    results = [cell(x)[0], naive(cell, x)]
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)
    sources, weights = [x, *cell.parameters()], torch.randn_like(results[0])
    gradients = [torch.autograd.grad((result * weights).sum(), sources) for result in results]
    for got, expected in zip(*gradients, strict=True):
        assert expected.any()
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


def test_two_steps_by_hand():
    """i = 1 and 3, z = tanh(ln 2) = 3/5 and 0, f = o = 1/2: c = 3/5 and 3/10, n = 1 and 7/2."""
    cell = SLSTM(2, hidden_size=1, heads=1, norm=False).double()
    with torch.no_grad():
        cell.from_x.weight.zero_()
        cell.from_x.bias.zero_()
        cell.from_x.weight[0, 0] = cell.from_x.weight[2, 1] = 1.0
    x = torch.tensor([[[0.0, math.log(2)], [math.log(3), 0.0]]], dtype=torch.float64)
    y, _ = cell(x)
    expected = torch.tensor([[[0.5 * 0.6], [0.5 * 0.3 / 3.5]]], dtype=torch.float64)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("first", [-1e4, 0.0, 1e4])
def test_the_first_input_sets_the_scale_of_its_own_row(first):
    """However small its gate, the first input is all that is stored: c / n = tanh z."""
    cell = SLSTM(1, hidden_size=1, heads=1, norm=False)
    with torch.no_grad():
        cell.from_x.weight[:] = torch.tensor([[first], [0.0], [1.0], [0.0]])
    y, _ = cell(torch.tensor([[[1.0]], [[0.0]]]))
    torch.testing.assert_close(y[:, 0, 0], torch.tensor([math.tanh(1) / 2, 0.0]))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("scale", [30.0, 1e3, 1e6])
def test_numbers_of_any_size_give_finite_outputs_and_gradients(scale, norm):
    cell = drawn(scale, torch.float32, norm=norm)
    x = (scale * torch.randn(B, 20, I_)).requires_grad_()
    y, state = cell(x)
    (y.sum() + sum(leaf.sum() for _, leaf in leaves(state))).backward()
    everything = [y, x.grad, *(p.grad for p in cell.parameters()), *(leaf for _, leaf in leaves(state))]
    assert all(tensor.isfinite().all() for tensor in everything)


def test_a_normalised_state_gives_finite_outputs_and_gradients():
    """The first n is one for all units, and normalised it is zero; later ones may be negative."""
    cell = LayerNormalised(SLSTM(I_, hidden_size=H, heads=HEADS), outputs=False, states=True)
    torch.manual_seed(0)
    y, _ = cell(300 * torch.randn(B, 12, I_))
    y.square().sum().backward()
    assert all(tensor.isfinite().all() for tensor in (y, *(p.grad for p in cell.parameters())))


def test_number_of_parameters_and_state():
    for norm, gains in ((True, H), (False, 0)):
        cell = SLSTM(I_, hidden_size=H, heads=HEADS, norm=norm)
        assert sum(p.numel() for p in cell.parameters()) == 4 * H * (I_ + H // HEADS + 1) + gains
    assert {name for name, t in leaves(cell.initial_state(B)) if t.shape == (B, H)} == {
        "state.h",
        "state.c",
        "state.n",
        "state.m",
    }


def test_start():
    cell = SLSTM(I_, hidden_size=8, heads=2)
    i, f, z, o = cell.from_x.bias.detach().chunk(4)
    assert not torch.cat([i, z, o]).any()
    assert not cell.from_h.any()
    expected = [5.0, 5 - 12 * (1 / 3) ** 0.3, 5 - 12 * (2 / 3) ** 0.3, -7.0]
    torch.testing.assert_close(f, torch.tensor(expected * 2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_size": 10}, "hidden_size = 10 is no multiple of heads = 4; the nearest: 8 and 12"),
        ({"hidden_size": 3}, "hidden_size = 3 is no multiple of heads = 4; the nearest: 4"),
        ({"forget_gate": "exp"}, "forget_gate = 'exp': .*sigmoid.*exponential"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=f"SLSTM: {told}"):
        SLSTM(I_, **options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (SLSTM, MLSTM):
        for option, (_, default) in keyword_options(component).items():
            shown = json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})
