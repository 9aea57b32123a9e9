"""minGRU and minLSTM by hand, against the equations in plain numbers and against the scan in log space."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import pad, softplus

from recurra import InvalidOption, leaves
from recurra_gated_linear.minimal import MinGRU, MinLSTM
from recurra_gated_linear.shared import HiddenState

I_, H, B, T = 3, 4, 2, 7
CELLS = (MinGRU, MinLSTM)
FORMS = ("log-space", "vanilla")
LN3 = math.log(3)  # σ(ln 3) = 3/4 and σ(-ln 3) = 1/4


def drawn(kind, **options):
    cell = kind(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


def logistic(a):
    return 1 / (1 + math.exp(-a))


@pytest.mark.parametrize(
    ("kind", "rows", "kept"),
    [(MinGRU, [LN3], 1 / 4), (MinLSTM, [LN3, -LN3], 3 / 4), (MinLSTM, [0, 0], 1 / 2)],
)
@pytest.mark.parametrize(
    ("form", "u", "g"),
    [("log-space", 1, 1.5), ("log-space", -LN3, 0.25), ("vanilla", 1, 1), ("vanilla", -2, -2)],
)
def test_one_unit_by_hand(kind, rows, kept, form, u, g):
    """x = 1 and h = 4. minGRU keeps 1 - z = 1/4 of h; minLSTM f / (f + i) = 3/4 or, with f = i, a half."""
    cell = kind(1, hidden_size=1, form=form).double()
    with torch.no_grad():
        cell.from_x.weight.copy_(torch.tensor([*rows, u], dtype=torch.float64)[:, None])
        cell.from_x.bias.zero_()
    x, h = torch.ones(1, 1).double(), torch.full([1, 1], 4.0).double()
    y, state = cell.step(x, HiddenState(h))
    assert y.item() == pytest.approx(kept * 4 + (1 - kept) * g, abs=1e-14)
    assert torch.equal(state.h, y)


def naive(cell, x):
    """The equations, in plain numbers: one row, one step and one unit at a time."""
    W, b = cell.from_x.weight.tolist(), cell.from_x.bias.tolist()
    outputs = []
    for row in x.tolist():
        h = [0.0] * H
        for x_t in row:
            a = [sum(w * v for w, v in zip(ws, x_t, strict=True)) + b_j for ws, b_j in zip(W, b, strict=True)]
            for j in range(H):
                u = a[j - H]  # the last H rows are the candidate's
                g = u if cell.options["form"] == "vanilla" else u + 0.5 if u >= 0 else logistic(u)
                if isinstance(cell, MinGRU):
                    new = logistic(a[j])
                else:
                    f, i = logistic(a[j]), logistic(a[H + j])
                    new = i / (f + i)
                h[j] = (1 - new) * h[j] + new * g
            outputs.append(list(h))
    return torch.tensor(outputs, dtype=torch.float64).view(len(x), -1, H)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CELLS)
def test_a_sequence_equals_the_equations(kind, form):
    torch.manual_seed(0)
    cell, x = drawn(kind, form=form), torch.randn(B, T, I_, dtype=torch.float64)
    y, state = cell(x)
    torch.testing.assert_close(y, naive(cell, x), rtol=1e-12, atol=1e-12)
    assert torch.equal(state.h, y[:, -1])


@pytest.mark.parametrize("kind", CELLS)
def test_outputs_equal_the_parallel_scan_in_log_space(kind):
    """The paper trains with log h = A* + logcumsumexp(log values − A*), A* the summed log coefficients."""
    torch.manual_seed(1)
    cell, x = drawn(kind), torch.randn(B, T, I_, dtype=torch.float64)
    *gates, u = cell.from_x(x).chunk(2 if kind is MinGRU else 3, -1)
    k = gates[0] if kind is MinGRU else softplus(-gates[0]) - softplus(-gates[1])
    log_kept, log_new = -softplus(k), -softplus(-k)
    log_g = torch.where(u >= 0, (u.clamp(min=0) + 0.5).log(), -softplus(-u))
    log_decay = log_kept.cumsum(1)
    log_h = log_decay + (log_new + log_g - log_decay).logcumsumexp(1)
    torch.testing.assert_close(cell(x)[0], log_h.exp(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CELLS)
@settings(max_examples=12)
@given(cut=st.integers(0, T), seed=st.integers(0, 99))
def test_chunks_equal_the_whole(kind, form, cut, seed):
    torch.manual_seed(seed)
    cell, x = drawn(kind, form=form), torch.randn(B, T, I_, dtype=torch.float64)
    first, state = cell(x[:, :cut])
    second, _ = cell(x[:, cut:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), cell(x)[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kind", CELLS)
@settings(max_examples=12)
@given(seed=st.integers(0, 99), size=st.floats(0.1, 30))
def test_in_log_space_h_is_positive_and_at_most_the_largest_candidate(kind, seed, size):
    torch.manual_seed(seed)
    cell, x = drawn(kind), size * torch.randn(B, T, I_, dtype=torch.float64)
    u = cell.from_x(x).chunk(2 if kind is MinGRU else 3, -1)[-1]
    y, _ = cell(x)
    assert (y >= 0).all()
    assert (y <= cell.g(u).cummax(1).values + 1e-12).all()


def test_closed_gates_of_minlstm_share_evenly():
    cell = MinLSTM(1, hidden_size=1, form="vanilla")
    with torch.no_grad():
        cell.from_x.weight.copy_(torch.tensor([[-1e4], [-1e4], [2.0]]))
        cell.from_x.bias.zero_()
    y, _ = cell.step(torch.ones(1, 1), HiddenState(torch.full([1, 1], 6.0)))
    assert y.item() == 4.0  # (6 + 2) / 2, although f and i are both zero in float32


@pytest.mark.parametrize(("kind", "gates"), [(MinGRU, 2), (MinLSTM, 3)])
def test_number_of_parameters_state_and_start(kind, gates):
    cell = kind(5, hidden_size=H)
    assert sum(p.numel() for p in cell.parameters()) == gates * H * (5 + 1)
    assert all(p.abs().max() <= 5**-0.5 for p in cell.parameters())
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


def test_forget_bias_is_added_to_the_initial_bias_of_f():
    cells = []
    for bias in (0.0, 3.0):
        torch.manual_seed(2)
        cells.append(MinLSTM(I_, hidden_size=H, forget_bias=bias).from_x.bias.detach())
    torch.testing.assert_close(cells[1] - cells[0], pad(torch.full([H], 3.0), (0, 2 * H)))


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (MinGRU, {"hidden_size": 0}, "MinGRU: hidden_size = 0: .*greater than 0"),
        (MinLSTM, {"form": "log"}, "MinLSTM: form = 'log': .*log-space.*vanilla"),
        (MinGRU, {"forget_bias": 1.0}, "MinGRU: unknown option 'forget_bias'; it has hidden_size, form"),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, told):
    with pytest.raises(InvalidOption, match=told):
        kind(I_, **options)
