"""GRU1 to GRU3 by hand, against the equations, against GRUs with zeroed weights, and in published sizes."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_gru.cell import GRU, GRUState
from recurra_gru.reduced import GRU1, GRU2, GRU3

CELLS = (GRU1, GRU2, GRU3)
RESETS = ("before", "after")
I_, H, B, T = 3, 4, 2, 5
LN3 = math.log(3)  # σ(ln 3) = 3/4 and σ(-ln 3) = 1/4


def fill(cell, values):
    with torch.no_grad():
        for name, p in cell.named_parameters():
            p.copy_(torch.tensor(values[name], dtype=p.dtype).reshape(p.shape))


def drawn(kind, **options):
    cell = kind(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


@pytest.mark.parametrize(
    ("kind", "gates", "before", "after"),
    [
        (GRU1, {"weight": [LN3 / 2, -LN3 / 2], "bias": [-LN3, LN3]}, [2.5, 1.25], [3.625, 1.375]),
        (GRU2, {"weight": [LN3 / 4, -LN3 / 4]}, [2.5, 2.5], [3.625, 3.0]),
        (GRU3, {"bias": [LN3, -LN3]}, [2.5, 3.75], [3.625, 4.875]),
    ],
)
def test_one_unit_by_hand(kind, gates, before, after):
    """x = 2, W = 2, b = 1, U = -1, b' = 2 and a ReLU candidate, from h = 4 and from h = 0.

    h = 4 gives every cell r = 3/4 and z = 1/4. before: n = 4 + 1 - 3 = 2 and h' = 3/4 2 + 1/4 4 = 2.5;
    after: n = 5 + 3/4 (-4 + 2) = 3.5 and h' = 3.625. From h = 0: n = 5 before and 5 + 2 r after,
    h' = (1 - z) n, with r, z = 1/4, 3/4 in GRU1, 1/2, 1/2 in GRU2 and 3/4, 1/4 in GRU3.
    """
    for reset, expected in (("before", before), ("after", after)):
        cell = kind(1, hidden_size=1, reset=reset, candidate="relu").double()
        weights = {"from_x.weight": [2.0], "from_x.bias": [1.0], "from_h.weight": [-1.0], "reset_bias": [2.0]}
        fill(cell, weights | {f"gates.{name}": numbers for name, numbers in gates.items()})
        x, h = (torch.tensor(rows, dtype=torch.float64)[:, None] for rows in ([2.0, 2.0], [4.0, 0.0]))
        y, state = cell.step(x, GRUState(h))
        torch.testing.assert_close(y[:, 0], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-14)
        assert torch.equal(state.h, y)
        closed, _ = cell.step(-100 * x, GRUState(h))  # n = relu(-200 + ...) = 0, so h' = z h
        torch.testing.assert_close(closed[:, 0], torch.tensor([1.0, 0.0]).double(), rtol=0, atol=1e-14)


def naive(cell, x, h):
    """The equations, one row, one step and one unit at a time."""
    gates = dict(cell.gates.named_parameters())
    U, c = gates.get("weight", torch.zeros(2 * H, H)), gates.get("bias", torch.zeros(2 * H))
    squash = {"tanh": torch.tanh, "relu": lambda a: a * (a > 0)}[cell.options["candidate"]]
    rows = []
    for x_b, h_b in zip(x, h, strict=True):
        ys = []
        for x_t in x_b:
            seen = [sum(U[i, j] * h_b[j] for j in range(H)) + c[i] for i in range(2 * H)]
            r, z = (1 / (1 + torch.exp(-torch.stack(seen[k : k + H]))) for k in (0, H))
            new = []
            for i in range(H):
                a = cell.from_x.weight[i] @ x_t + cell.from_x.bias[i]
                if cell.options["reset"] == "before":
                    a = a + sum(cell.from_h.weight[i, j] * r[j] * h_b[j] for j in range(H))
                else:
                    a = a + r[i] * (cell.from_h.weight[i] @ h_b + cell.reset_bias[i])
                new.append((1 - z[i]) * squash(a) + z[i] * h_b[i])
            h_b = torch.stack(new)
            ys.append(h_b)
        rows.append(torch.stack(ys))
    return torch.stack(rows)


def zeroed(cell):
    """A GRU that computes the same: what the gates of `cell` do not see has the weight zero."""
    full = GRU(I_, **cell.options).double()
    gates = dict(cell.gates.named_parameters())
    with torch.no_grad():
        for p in full.parameters():
            p.zero_()
        full.from_x.weight[2 * H :] = cell.from_x.weight
        full.from_x.bias[2 * H :] = cell.from_x.bias
        full.from_h.weight[2 * H :] = cell.from_h.weight
        if "weight" in gates:
            full.from_h.weight[: 2 * H] = gates["weight"]
        if "bias" in gates:
            full.from_x.bias[: 2 * H] = gates["bias"]
        if cell.reset_bias is not None:
            full.reset_bias.copy_(cell.reset_bias)
    return full


@pytest.mark.parametrize("candidate", ["tanh", "relu"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", CELLS)
def test_outputs_and_all_gradients_equal_the_equations(kind, reset, candidate):
    torch.manual_seed(0)
    cell = drawn(kind, reset=reset, candidate=candidate)
    x, h = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(B, T, I_), (B, H)])
    sources = {"x": x, "h": h, **dict(cell.named_parameters())}
    y, (last,) = cell(x, GRUState(h))
    assert torch.equal(y[:, -1], last)
    expected, weights = naive(cell, x, h), torch.randn_like(y)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    found = [torch.autograd.grad((out * weights).sum(), list(sources.values())) for out in (y, expected)]
    for name, got, wanted in zip(sources, *found, strict=True):
        assert got.abs().max() > 0, name
        assert torch.allclose(got, wanted, rtol=1e-10, atol=1e-12), name


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", CELLS)
def test_a_gru_with_zeroed_weights_does_the_same(kind, reset):
    torch.manual_seed(1)
    cell = drawn(kind, reset=reset)
    x, h = torch.randn(B, T, I_, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    y, _ = cell(x, GRUState(h))
    full = zeroed(cell)
    torch.testing.assert_close(full(x, GRUState(h))[0], y, rtol=1e-12, atol=1e-12)
    if reset == "after":
        torch.testing.assert_close(full.to_torch()(x, h[None])[0], y, rtol=1e-12, atol=1e-12)


PUBLISHED = [
    pytest.param(1, 100, (30_400, 30_200, 10_400), id="pixel MNIST"),
    pytest.param(28, 100, (33_100, 32_900, 13_100), id="row MNIST"),
    pytest.param(128, 128, (65_920, 65_664, 33_152), id="IMDB"),
]


@pytest.mark.parametrize(("inputs", "hidden", "published"), PUBLISHED)
def test_number_of_parameters(inputs, hidden, published):
    per_unit = (inputs + 3 * hidden + 3, inputs + 3 * hidden + 1, inputs + hidden + 3)
    for kind, count, units in zip(CELLS, published, per_unit, strict=True):
        as_published = kind(inputs, hidden_size=hidden)  # which resets before
        after = kind(inputs, hidden_size=hidden, reset="after")
        assert sum(p.numel() for p in as_published.parameters()) == count == hidden * units
        assert sum(p.numel() for p in after.parameters()) == count + hidden


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", CELLS)
def test_start(kind, reset):
    cell = kind(I_, hidden_size=H, reset=reset)
    assert not any(p.any() for name, p in cell.named_parameters() if "bias" in name)
    recurrent = [cell.from_h.weight.detach()]
    if kind is not GRU3:
        recurrent += cell.gates.weight.detach().chunk(2)
    for U in recurrent:
        torch.testing.assert_close(U @ U.T, torch.eye(H), rtol=0, atol=1e-5)
    bound = (6 / (I_ + H)) ** 0.5
    assert 0.5 * bound < cell.from_x.weight.abs().max() <= bound


@pytest.mark.parametrize("kind", CELLS)
def test_state_and_views(kind):
    cell = kind(I_, hidden_size=H)
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_size": 0}, "hidden_size = 0: .*greater than 0"),
        ({"reset": "never"}, "reset = 'never': .*before.*after"),
        ({"candidate": "sigmoid"}, "candidate = 'sigmoid': .*tanh.*relu"),
        ({"candidat": "relu"}, r"unknown option 'candidat'; did you mean 'candidate'\?"),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, told):
    with pytest.raises(InvalidOption, match=f"{kind.__name__}: {told}"):
        kind(I_, **options)
