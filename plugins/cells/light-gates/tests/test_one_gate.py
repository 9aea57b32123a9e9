"""MGU, JANET, MinimalRNN and Li-GRU: by hand, against the equations in plain numbers, sizes and start."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidOption, leaves
from recurra_light_gates.janet import JANET
from recurra_light_gates.li_gru import LiGRU
from recurra_light_gates.mgu import MGU
from recurra_light_gates.minimal_rnn import MinimalRNN
from recurra_light_gates.shared import HiddenState

I_, H, B, T = 3, 4, 2, 6
LN2, LN3 = math.log(2), math.log(3)  # σ(ln 3) = 3/4, tanh(ln 3) = 4/5 and tanh(ln 2) = 3/5
FORMS = [
    (MGU, {}),
    (JANET, {"beta": 0.5}),
    (MinimalRNN, {}),
    (LiGRU, {"norm": "none"}),
    (LiGRU, {"norm": "layer"}),
    (LiGRU, {"norm": "layer", "candidate": "tanh"}),
]


def drawn(kind, **options):
    cell = kind(I_, hidden_size=H, **options).double()
    for p in cell.parameters():
        nn.init.normal_(p)
    return cell


def one_unit(kind, weights, **options):
    """A cell of one unit with the given weights, the rest zero, and its output for x = 1 from h = 4."""
    cell = kind(1, hidden_size=1, **options).double()
    with torch.no_grad():
        for name, p in cell.named_parameters():
            numbers = weights.get(name, [0.0] * p.numel())
            p.copy_(torch.tensor(numbers, dtype=torch.float64).view_as(p))
    y, state = cell.step(torch.ones(1, 1).double(), HiddenState(torch.full([1, 1], 4.0).double()))
    assert torch.equal(y, state.h)
    return y.item()


def test_mgu_by_hand():
    """f = σ(4 ln 3 / 4) = 3/4; n = tanh(-2 ln 3 + ln 3 (3/4 4)) = 4/5; h' = 1/4 4 + 3/4 4/5."""
    weights = {"f_from_h.weight": [LN3 / 4], "from_x.weight": [0, -2 * LN3], "n_from_h.weight": [LN3]}
    assert one_unit(MGU, weights) == pytest.approx(1.6, abs=1e-14)


def test_janet_by_hand():
    """s = ln 3 keeps 3/4 of h; β = 2 ln 3 lets 1 - σ(s - β) = 3/4 of n = tanh(4 ln 2 - 3 ln 2) = 3/5 in."""
    weights = {"from_x.weight": [LN3, -3 * LN2], "from_h.weight": [0, LN2]}
    assert one_unit(JANET, weights, beta=2 * LN3) == pytest.approx(3 + 0.45, abs=1e-14)
    weights |= {"from_x.bias": [0, -LN2]}  # n = 0
    assert one_unit(JANET, weights) == pytest.approx(3, abs=1e-14)


def test_minimal_rnn_by_hand():
    """z = tanh(ln 3) = 4/5; u = σ(4 ln 3 / 2 - 5/4 4/5 ln 3) = σ(ln 3) = 3/4; h' = 3/4 4 + 1/4 4/5."""
    weights = {"from_x.weight": [LN3], "from_h.weight": [LN3 / 2], "from_z.weight": [-1.25 * LN3]}
    assert one_unit(MinimalRNN, weights) == pytest.approx(3.2, abs=1e-14)


def test_li_gru_by_hand():
    """z = σ(ln 3) = 3/4; n = relu(2 - 1/4 4) = 1, or relu(-2 - 1) = 0; h' = 3/4 4 + 1/4 n."""
    weights = {"from_x.bias": [LN3, 2.0], "from_h.weight": [0.0, -0.25]}
    assert one_unit(LiGRU, weights, norm="none") == pytest.approx(3.25, abs=1e-14)
    weights["from_x.bias"] = [LN3, -2.0]
    assert one_unit(LiGRU, weights, norm="none") == pytest.approx(3.0, abs=1e-14)


def logistic(a):
    return 1 / (1 + math.exp(-a))


def affine(W, x, b=None):
    return [sum(w * v for w, v in zip(ws, x, strict=True)) + (b[j] if b else 0) for j, ws in enumerate(W)]


def normal(a, gains, biases):
    mean = sum(a) / len(a)
    spread = math.sqrt(sum((v - mean) ** 2 for v in a) / len(a) + 1e-5)
    return [(v - mean) / spread * g + b for v, g, b in zip(a, gains, biases, strict=True)]


def mgu(w, x, h, said):
    a = affine(w["from_x.weight"], x, w["from_x.bias"])
    f = [logistic(a[j] + n) for j, n in enumerate(affine(w["f_from_h.weight"], h))]
    reset = affine(w["n_from_h.weight"], [f[j] * h[j] for j in range(H)])
    return [(1 - f[j]) * h[j] + f[j] * math.tanh(a[H + j] + reset[j]) for j in range(H)]


def janet(w, x, h, said):
    a, u = affine(w["from_x.weight"], x, w["from_x.bias"]), affine(w["from_h.weight"], h)
    s, n = [a[j] + u[j] for j in range(H)], [math.tanh(a[H + j] + u[H + j]) for j in range(H)]
    return [logistic(s[j]) * h[j] + (1 - logistic(s[j] - said["beta"])) * n[j] for j in range(H)]


def minimal_rnn(w, x, h, said):
    z = [math.tanh(n) for n in affine(w["from_x.weight"], x, w["from_x.bias"])]
    a, b = affine(w["from_h.weight"], h), affine(w["from_z.weight"], z, w["from_z.bias"])
    u = [logistic(n + m) for n, m in zip(a, b, strict=True)]
    return [u[j] * h[j] + (1 - u[j]) * z[j] for j in range(H)]


def li_gru(w, x, h, said):
    a, u = affine(w["from_x.weight"], x, w.get("from_x.bias")), affine(w["from_h.weight"], h)
    if said["norm"] == "layer":
        a = normal(a[:H], w["norm_z.weight"], w["norm_z.bias"]) + normal(
            a[H:], w["norm_n.weight"], w["norm_n.bias"]
        )
    z, n = [logistic(a[j] + u[j]) for j in range(H)], [a[H + j] + u[H + j] for j in range(H)]
    n = [math.tanh(v) if said["candidate"] == "tanh" else max(v, 0.0) for v in n]
    return [z[j] * h[j] + (1 - z[j]) * n[j] for j in range(H)]


EQUATIONS = {MGU: mgu, JANET: janet, MinimalRNN: minimal_rnn, LiGRU: li_gru}


@pytest.mark.parametrize(("kind", "options"), FORMS)
def test_a_sequence_equals_the_equations_and_its_chunks(kind, options):
    torch.manual_seed(0)
    cell, x = drawn(kind, **options), torch.randn(B, T, I_, dtype=torch.float64)
    w, expected = {name: p.tolist() for name, p in cell.named_parameters()}, []
    for row in x.tolist():
        h = [0.0] * H
        for x_t in row:
            h = EQUATIONS[kind](w, x_t, h, cell.options)
            expected.append(h)
    y, _ = cell(x)
    torch.testing.assert_close(y.flatten(0, 1), torch.tensor(expected, dtype=y.dtype), rtol=1e-11, atol=1e-12)
    first, state = cell(x[:, :2])
    assert torch.equal(torch.cat([first, cell(x[:, 2:], state)[0]], 1), y)


@pytest.mark.parametrize(
    ("kind", "options", "count"),
    [
        (MGU, {}, 2 * H * (I_ + H + 1)),
        (JANET, {}, 2 * H * (I_ + H + 1)),
        (MinimalRNN, {}, H * (I_ + 1) + H * (2 * H + 1)),
        (LiGRU, {}, 2 * H * (I_ + H) + 4 * H),
        (LiGRU, {"norm": "none"}, 2 * H * (I_ + H) + 2 * H),
    ],
)
def test_number_of_parameters_and_state(kind, options, count):
    cell = kind(I_, hidden_size=H, **options)
    assert sum(p.numel() for p in cell.parameters()) == count
    state = cell.initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(state)} == {"state.h": (B, H)}
    assert torch.equal(cell.diagnostics(state)["hidden units"], state.h)


@pytest.mark.parametrize("kind", [MGU, MinimalRNN, LiGRU])
def test_recurrent_matrices_start_orthogonal_and_biases_zero(kind):
    cell = kind(I_, hidden_size=H)
    weights = dict(cell.named_parameters())
    matrices = [
        W for name, p in weights.items() if "from_h" in name or "from_z.w" in name for W in p.split(H)
    ]
    assert matrices
    for U in matrices:
        torch.testing.assert_close(U @ U.T, torch.eye(H), rtol=0, atol=1e-5)
    assert not any(p.any() for name, p in weights.items() if name.endswith("bias"))


@pytest.mark.parametrize(("longest", "low", "high"), [(None, 1.0, 1.0), (100.0, 0.0, math.log(100))])
def test_start_of_janet(longest, low, high):
    bias = JANET(I_, hidden_size=1000, longest=longest).from_x.bias.detach()
    b_s, b_n = bias.chunk(2)
    assert low - 0.2 <= b_s.min() <= low + 0.2 + 4 * (longest is not None)
    assert high - 0.2 <= b_s.max() <= high
    assert not b_n.any()


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (MGU, {"hidden_size": 0}, "MGU: hidden_size = 0: .*greater than 0"),
        (JANET, {"longest": 1.0}, "JANET: longest = 1.0: .*greater than 1"),
        (LiGRU, {"norm": "batch"}, "LiGRU: norm = 'batch': .*layer.*none"),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, told):
    with pytest.raises(InvalidOption, match=told):
        kind(I_, **options)
