"""The LSTM against the equations written gate by gate, golden values, and its own promises."""

import itertools
import json
import re
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, Ref, leaves, sequence
from recurra.config.options import keyword_options
from recurra_lstm.cell import LSTM, LSTMState
from recurra_lstm.original import LSTM1997
from recurra_wrappers import LearnedInitialState, Stacked

I_, H, B, T = 3, 4, 2, 5


def naive(cell, x, h, c):
    """The papers' equations, one row, one step and one gate at a time."""
    W, U, b = cell.from_x.weight, cell.from_h.weight, cell.from_x.bias
    p = torch.zeros(3, H, dtype=x.dtype) if cell.peepholes is None else cell.peepholes

    def net(gate, x, h):
        rows = range(gate * H, (gate + 1) * H)
        return torch.stack([W[n] @ x + U[n] @ h + b[n] for n in rows])

    def logistic(a):
        return 1 / (1 + torch.exp(-a))

    outputs, last_h, last_c = [], [], []
    for x_b, h_b, c_b in zip(x, h, c, strict=True):
        ys = []
        for x_t in x_b:
            i = logistic(net(0, x_t, h_b) + p[0] * c_b)
            f = logistic(net(1, x_t, h_b) + p[1] * c_b)
            after = f * c_b + i * torch.tanh(net(2, x_t, h_b))
            o = logistic(net(3, x_t, h_b) + p[2] * after)
            h_b, c_b = o * torch.tanh(after), after
            ys.append(h_b)
        outputs.append(torch.stack(ys))
        last_h.append(h_b)
        last_c.append(c_b)
    return torch.stack(outputs), torch.stack(last_h), torch.stack(last_c)


def randomised(cell):
    for p in cell.parameters():
        torch.nn.init.normal_(p)
    return cell


@pytest.mark.parametrize("level", sequence.levels())
def test_resets_and_states_are_those_of_torchs_lstm_part_by_part(level):
    torch.manual_seed(0)
    module = torch.nn.LSTM(I_, H, batch_first=True).double()
    cell, x = LSTM.from_torch(module), torch.randn(B, 7, I_, dtype=torch.float64)
    borders = [[0, 3, 4, 7], [0, 5, 7]]
    resets = torch.tensor([[t in row for t in range(7)] for row in borders])
    with sequence.using(level):
        y, states = cell(x, resets=resets, states=True)
    for row, ends in enumerate(borders):
        for first, last in itertools.pairwise(ends):
            expected, _ = module(x[row : row + 1, first:last])
            torch.testing.assert_close(y[row, first:last], expected[0], rtol=0, atol=1e-12)
            for t in range(first, last):
                _, (h, c) = module(x[row : row + 1, first : t + 1])
                torch.testing.assert_close(states.h[row, t], h[0, 0], rtol=0, atol=1e-12)
                torch.testing.assert_close(states.c[row, t], c[0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("peepholes", [False, True])
def test_outputs_state_and_all_gradients_equal_the_equations(peepholes):
    torch.manual_seed(0)
    cell = randomised(LSTM(I_, hidden_size=H, peepholes=peepholes).double())
    x, h, c = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(B, T, I_), (B, H), (B, H)])
    sources = {"x": x, "h": h, "c": c, **dict(cell.named_parameters())}
    assert ("peepholes" in sources) == peepholes

    y, (h_last, c_last) = cell(x, LSTMState(h, c))
    gradients = []
    results = [(y, h_last, c_last), naive(cell, x, h, c)]
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    weights = [torch.randn_like(part) for part in results[0]]
    for result in results:
        loss = sum((part * w).sum() for part, w in zip(result, weights, strict=True))
        gradients.append(torch.autograd.grad(loss, list(sources.values())))
    for name, got, expected in zip(sources, *gradients, strict=True):
        assert got.abs().max() > 0, name
        assert torch.allclose(got, expected, rtol=1e-11, atol=1e-12), name


def test_keras_golden_values():
    cell = LSTM(4, hidden_size=3, forget_bias=1.0)
    with torch.no_grad():
        cell.from_x.weight.fill_(0.01)
        cell.from_h.weight.fill_(0.02)
        cell.from_x.bias.copy_(torch.where(cell.from_x.bias == 0, 0.03, cell.from_x.bias))
    y, _ = cell(torch.arange(72.0).reshape(3, 6, 4))
    expected = torch.tensor([0.62887, 0.86899, 0.94608])[:, None].expand(3, 3)
    torch.testing.assert_close(y[:, -1], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (28, 100), (8, 256)])
def test_number_of_parameters(inputs, hidden, peepholes):
    cell = LSTM(inputs, hidden_size=hidden, peepholes=peepholes)
    expected = 4 * hidden * (inputs + hidden + 1) + 3 * hidden * peepholes
    assert sum(p.numel() for p in cell.parameters()) == expected


def test_start():
    cell = LSTM(I_, hidden_size=H, peepholes=True, forget_bias=2.5)
    i, f, g, o = cell.from_x.bias.detach().chunk(4)
    assert torch.equal(f, torch.full((H,), 2.5))
    assert not torch.cat([i, g, o]).any()
    assert not cell.peepholes.any()
    for U in cell.from_h.weight.detach().chunk(4):
        torch.testing.assert_close(U @ U.T, torch.eye(H), rtol=0, atol=1e-5)
    bound = (6 / (I_ + H)) ** 0.5
    assert 0.5 * bound < cell.from_x.weight.abs().max() <= bound


def test_peepholes_at_zero_change_nothing():
    torch.manual_seed(1)
    plain, peeping = LSTM(I_, hidden_size=H), LSTM(I_, hidden_size=H, peepholes=True)
    peeping.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(B, T, I_)
    assert torch.equal(plain(x)[0], peeping(x)[0])


def test_state_and_views():
    cell = LSTM(I_, hidden_size=H)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H), "state.c": (B, H)}
    assert torch.equal(cell.diagnostics(state)["cell"], state.c)


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden", "published"),
    [
        pytest.param(10, 9, 256, 1_352_969, id="copy"),
        pytest.param(8, 7, 512, 5_312_007, id="repeat copy"),
        pytest.param(8, 6, 256, 1_344_518, id="associative recall"),
        pytest.param(1, 1, 128, 331_905, id="n-grams"),
    ],
)
def test_three_layers_have_the_weights_of_the_baseline_of_the_ntm_paper(inputs, outputs, hidden, published):
    """Every layer sees x and learns its start, the upper two see the layer below, the outputs all three."""
    layers = [LearnedInitialState(LSTM(inputs + below, hidden_size=hidden)) for below in (0, hidden, hidden)]
    baseline = Stacked(layers, skip=True)
    readout = torch.nn.Linear(baseline.output_size, outputs)
    assert sum(p.numel() for module in (baseline, readout) for p in module.parameters()) == published


@pytest.mark.parametrize("peepholes", [False, True])
def test_autocast_computes_in_bfloat16_and_keeps_the_state(peepholes):
    torch.manual_seed(2)
    cell = LSTM(I_, hidden_size=H, peepholes=peepholes)
    x = torch.randn(B, T, I_)
    expected, _ = cell(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = cell(x)
        y_next, _ = cell(x, state, lengths=torch.tensor([T, 0]))
    torch.testing.assert_close(y.float(), expected, rtol=3e-2, atol=3e-2)
    assert not torch.equal(y.float(), expected)
    assert {leaf.dtype for _, leaf in leaves(state)} == {torch.float32}
    y_next.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in cell.parameters())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_size": 0}, "LSTM: hidden_size = 0: .*greater than 0"),
        ({"peepholes": "yes"}, "LSTM: peepholes = 'yes': "),
        ({"hiden_size": 8}, r"LSTM: unknown option 'hiden_size'; did you mean 'hidden_size'\?"),
        ({"forget_bias": float("nan")}, "LSTM: forget_bias = nan: .*finite"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        LSTM(I_, **options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (LSTM, LSTM1997):
        for option, (_, default) in keyword_options(component).items():
            shown = default.name if isinstance(default, Ref) else json.dumps(default).strip('"')
            shown = "none" if default is None else shown
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})
