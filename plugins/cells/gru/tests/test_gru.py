"""The GRU against the equations written gate by gate, golden values, published sizes and promises."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch.nn.utils import prune

from recurra import InvalidOption, Ref, leaves
from recurra.config.options import keyword_options
from recurra_gru.cell import GRU, GRUState
from recurra_gru.reduced import GRU1

I_, H, B, T = 3, 4, 2, 5
RESETS = ("before", "after")


def naive(cell, x, h):
    """The equations, one row, one step and one gate at a time."""
    W, U, b = cell.from_x.weight, cell.from_h.weight, cell.from_x.bias
    R, Z, N = (range(gate * H, (gate + 1) * H) for gate in range(3))

    def logistic(a):
        return 1 / (1 + torch.exp(-a))

    outputs, last = [], []
    for x_b, h_b in zip(x, h, strict=True):
        ys = []
        for x_t in x_b:
            r = torch.stack([logistic(W[j] @ x_t + U[j] @ h_b + b[j]) for j in R])
            z = torch.stack([logistic(W[j] @ x_t + U[j] @ h_b + b[j]) for j in Z])
            if cell.options["reset"] == "before":
                recalled = torch.stack([U[j] @ (r * h_b) for j in N])
            else:
                recalled = torch.stack([r[n] * (U[j] @ h_b + cell.reset_bias[n]) for n, j in enumerate(N)])
            a = torch.stack([W[j] @ x_t + b[j] for j in N]) + recalled
            n = torch.tanh(a) if cell.options["candidate"] == "tanh" else a * (a > 0)
            h_b = (1 - z) * n + z * h_b
            ys.append(h_b)
        outputs.append(torch.stack(ys))
        last.append(h_b)
    return torch.stack(outputs), torch.stack(last)


@pytest.mark.parametrize("candidate", ["tanh", "relu"])
@pytest.mark.parametrize("reset", RESETS)
def test_outputs_state_and_all_gradients_equal_the_equations(reset, candidate):
    torch.manual_seed(0)
    cell = GRU(I_, hidden_size=H, reset=reset, candidate=candidate).double()
    for p in cell.parameters():
        torch.nn.init.normal_(p)
    x, h = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(B, T, I_), (B, H)])
    sources = {"x": x, "h": h, **dict(cell.named_parameters())}

    y, (h_last,) = cell(x, GRUState(h))
    results = [(y, h_last), naive(cell, x, h)]
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    weights = [torch.randn_like(part) for part in results[0]]
    gradients = []
    for result in results:
        loss = sum((part * w).sum() for part, w in zip(result, weights, strict=True))
        gradients.append(torch.autograd.grad(loss, list(sources.values())))
    for name, got, expected in zip(sources, *gradients, strict=True):
        assert got.abs().max() > 0, name
        assert torch.allclose(got, expected, rtol=1e-11, atol=1e-12), name


def test_keras_golden_values():
    cell = GRU(4, hidden_size=3, reset="after")
    with torch.no_grad():
        cell.from_x.weight.fill_(0.01)
        cell.from_h.weight.fill_(0.02)
        cell.from_x.bias.copy_(
            torch.tensor([0.06] * 6 + [0.03] * 3)
        )  # two biases of 0.03, added in the gates
        cell.reset_bias.fill_(0.03)
    y, _ = cell(torch.arange(72.0).reshape(3, 6, 4))
    expected = torch.tensor([0.52173, 0.63717, 0.39385])[:, None].expand(3, 3)
    torch.testing.assert_close(y[:, -1], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "hidden", "published"), [(1, 100, 30_600), (28, 100, 38_700), (128, 128, 98_688)]
)
def test_number_of_parameters(inputs, hidden, published):
    before, after = (GRU(inputs, hidden_size=hidden, reset=reset) for reset in RESETS)
    assert sum(p.numel() for p in before.parameters()) == published == 3 * hidden * (inputs + hidden + 1)
    assert sum(p.numel() for p in after.parameters()) == published + hidden


@pytest.mark.parametrize("reset", RESETS)
def test_a_z_near_one_keeps_the_state(reset):
    cell = GRU(I_, hidden_size=H, reset=reset)
    with torch.no_grad():
        cell.from_x.bias.chunk(3)[1].fill_(200.0)
    h = torch.randn(B, H)
    _, last = cell(torch.randn(B, T, I_), GRUState(h))
    torch.testing.assert_close(last.h, h)


@pytest.mark.parametrize("reset", RESETS)
def test_start(reset):
    cell = GRU(I_, hidden_size=H, reset=reset)
    assert not cell.from_x.bias.any()
    assert cell.reset_bias is None or not cell.reset_bias.any()
    for U in cell.from_h.weight.detach().chunk(3):
        torch.testing.assert_close(U @ U.T, torch.eye(H), rtol=0, atol=1e-5)
    bound = (6 / (I_ + H)) ** 0.5
    assert 0.5 * bound < cell.from_x.weight.abs().max() <= bound


def test_state_and_views():
    cell = GRU(I_, hidden_size=H)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


@pytest.mark.parametrize("reset", RESETS)
def test_autocast_computes_in_bfloat16_and_keeps_the_state(reset):
    torch.manual_seed(2)
    cell = GRU(I_, hidden_size=H, reset=reset)
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
        ({"hidden_size": -3}, "GRU: hidden_size = -3: .*greater than 0"),
        ({"reset": "befor"}, "GRU: reset = 'befor': .*before.*after"),
        ({"candidate": "rely"}, "GRU: candidate = 'rely': .*tanh.*relu"),
        ({"peepholes": True}, "GRU: unknown option 'peepholes'; it has hidden_size, reset, candidate"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        GRU(I_, **options)


@pytest.mark.parametrize("reset", RESETS)
def test_pruned_recurrent_weights_train(reset):
    cell = GRU(I_, hidden_size=H, reset=reset)
    prune.l1_unstructured(cell.from_h, "weight", 0.5)
    masked = cell.from_h.weight_mask == 0
    kept = cell.from_h.weight_orig.detach().clone()
    for _ in range(2):
        cell(torch.randn(B, T, I_))[0].square().sum().backward()
        torch.optim.SGD(cell.parameters(), 0.1).step()
    moved = cell.from_h.weight_orig.detach() != kept
    assert moved.any()
    assert not moved[masked].any()


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (GRU, GRU1):
        for option, (_, default) in keyword_options(component).items():
            shown = default.name if isinstance(default, Ref) else json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})
