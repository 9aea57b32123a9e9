"""The equations, node by node in plain recursion; numbers worked out by hand; sizes; chains."""

import math

import pytest
import torch
from torch import nn

from recurra_recursive.recursive import RecursiveNetwork
from recurra_recursive.rntn import RNTN
from recurra_recursive.tree_lstm import TreeLSTM

F, H = 3, 4
BINARY = [0, 0, 0, 2, 2, 0, 0, 2, 2]  # ((a (b c)) (d e))
WIDE = [0, 0, 0, 3, 1, 0, 2]  # ((((a b c))) d), with a chain inside


def rows(arities, seed=0):
    """Return x (1, T, F + 1) of one tree, in double precision."""
    features = torch.randn(
        len(arities), F, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return torch.cat([features, torch.tensor(arities)[:, None].double()], 1)[None]


def logistic(a):
    return 1 / (1 + torch.exp(-a))


def by_recursion(x, make):
    """Return the vector of every node in the order of x, by a function of features and a list of children."""
    stack, made = [], []
    for row in x:
        taken = int(row[-1])
        children, stack = stack[len(stack) - taken :], stack[: len(stack) - taken]
        stack.append(make(row[:-1], children))
        made.append(stack[-1])
    return made


def recursive_node(cell):
    f = logistic if cell.options["function"] == "logistic" else torch.tanh

    def make(x, children):
        if not children:
            return f(cell.W_sem.weight @ x + cell.W_sem.bias) if cell.W_sem else x
        c = torch.cat(children)
        extra = cell.W_inner.weight @ x if cell.W_inner else 0
        if isinstance(cell, RecursiveNetwork):
            return f(cell.W.weight @ c + cell.W.bias + extra)
        quadratic = [sum(c[i] * V[i, j] * c[j] for i in range(2 * H) for j in range(2 * H)) for V in cell.V]
        return f(torch.stack(quadratic) + cell.W.weight @ c + extra)

    return make


def lstm_node(cell):
    W = dict(zip("iouf", cell.from_x.weight.chunk(4), strict=True))
    b = dict(zip("iouf", cell.from_x.bias.chunk(4), strict=True))
    U = dict(zip("iou", cell.from_h.weight.chunk(3), strict=True))
    summed = cell.options["variant"] == "child-sum"

    def make(x, children):
        hs, cs = [h for h, _ in children], [c for _, c in children]
        if summed:
            below = {g: U[g] @ sum(hs, torch.zeros(H).double()) for g in U}
            f = [logistic(W["f"] @ x + b["f"] + cell.forget.weight @ h) for h in hs]
        else:
            part = {g: U[g].split(H, 1) for g in U}
            below = {g: sum((P @ h for P, h in zip(part[g], hs, strict=False)), torch.zeros(H)) for g in U}
            blocks = [row.split(H, 1) for row in cell.forget.weight.split(H)]  # U_f,k,l
            f = [
                logistic(W["f"] @ x + b["f"] + sum(P @ h for P, h in zip(blocks[k], hs, strict=False)))
                for k in range(len(hs))
            ]
        i, o = (logistic(W[g] @ x + below[g] + b[g]) for g in "io")
        c = i * torch.tanh(W["u"] @ x + below["u"] + b["u"]) + sum(
            g * c_k for g, c_k in zip(f, cs, strict=True)
        )
        return o * torch.tanh(c), c

    return lambda x, children: make(x, children)


CASES = [
    (RecursiveNetwork, {}, BINARY),
    (RecursiveNetwork, {"function": "tanh", "inner_features": True}, BINARY),
    (RecursiveNetwork, {"leaf": "copied", "hidden_size": F}, BINARY),
    (RNTN, {}, BINARY),
    (RNTN, {"function": "logistic", "inner_features": True}, BINARY),
    (TreeLSTM, {}, WIDE),
    (TreeLSTM, {"children": 3, "variant": "n-ary"}, WIDE),
    (TreeLSTM, {"variant": "n-ary"}, BINARY),
]


@pytest.mark.parametrize(("kind", "options", "arities"), CASES)
def test_outputs_and_all_gradients_equal_the_equations(kind, options, arities):
    torch.manual_seed(0)
    cell = kind(F + 1, **({"hidden_size": H} | options)).double()
    for p in cell.parameters():
        nn.init.normal_(p, std=0.5)
    x = rows(arities).requires_grad_()
    make = lstm_node(cell) if kind is TreeLSTM else recursive_node(cell)
    made = by_recursion(x[0], make)
    expected = torch.stack([node[0] if kind is TreeLSTM else node for node in made])
    y, state = cell(x)
    torch.testing.assert_close(y[0], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.nodes[0, 0, : y.shape[-1]], expected[-1], rtol=1e-12, atol=1e-12)
    mixture = torch.randn_like(expected)
    sources = {"x": x, **dict(cell.named_parameters())}
    got, want = (torch.autograd.grad((r * mixture).sum(), list(sources.values())) for r in (y[0], expected))
    for name, a, b in zip(sources, got, want, strict=True):
        assert b.abs().max() > 0, name
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_a_tree_worked_out_by_hand():
    cell = RecursiveNetwork(2, hidden_size=1, scoring=True).double()
    with torch.no_grad():
        cell.W_sem.weight.fill_(math.log(3))
        cell.W.weight.copy_(torch.tensor([[2.0, 4.0]]))
        cell.W.bias.fill_(-4.0 + math.log(4))
        cell.W_score.fill_(10.0)
    x = torch.tensor([[[0.0, 0], [1.0, 0], [0.0, 2]]]).double()
    # Leaves: f(0) = 1/2, f(ln 3) = 3/4. Parent: f(2/2 + 4 * 3/4 - 4 + ln 4) = f(ln 4) = 4/5; its score is 8.
    y, _ = cell(x)
    torch.testing.assert_close(y[0, :, 0], torch.tensor([0.5, 0.75, 0.8]).double())
    torch.testing.assert_close(cell.score(y)[0], torch.tensor([5, 7.5, 8]).double())
    leaf = cell.leaf(x[0, :2, :1])
    torch.testing.assert_close(cell.merge(leaf[:1], leaf[1:]), y[0, 2:])


def test_a_quadratic_form_worked_out_by_hand():
    cell = RNTN(2, hidden_size=1, leaf="copied").double()
    with torch.no_grad():
        cell.V.copy_(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        cell.W.weight.copy_(torch.tensor([[10.0, 100.0]]))
    y, _ = cell(torch.tensor([[[0.1, 0], [-0.2, 0], [7.0, 2]]]).double())
    # 0.01 + (2 + 3) * -0.02 + 4 * 0.04 + 1 - 20 = 0.07 - 19; the parent's own feature, 7, is not read.
    torch.testing.assert_close(y[0, 2], torch.tensor([math.tanh(0.07 - 19)]).double())


def size(cell):
    return sum(p.numel() for p in cell.parameters())


@pytest.mark.parametrize(("width", "hidden"), [(4, 5), (120, 100), (301, 30)])
def test_number_of_parameters(width, hidden):
    features = width - 1
    common = {"hidden_size": hidden}
    plain = hidden * (width + 2 * hidden + 1)
    assert size(RecursiveNetwork(width, **common)) == plain
    assert size(RecursiveNetwork(width, **common, inner_features=True)) == plain + hidden * features
    assert size(RecursiveNetwork(width, **common, scoring=True)) == plain + hidden
    assert size(RecursiveNetwork(width, hidden_size=features, leaf="copied")) == features * (2 * features + 1)
    tensor = hidden * (width + 4 * hidden**2 + 2 * hidden)
    assert size(RNTN(width, **common)) == tensor
    assert size(RNTN(width, **common, inner_features=True, scoring=True)) == tensor + hidden * (features + 1)
    assert size(TreeLSTM(width, **common)) == 4 * hidden * (width + hidden)
    for n in (1, 2, 3):
        n_ary = TreeLSTM(width, **common, variant="n-ary", children=n)
        assert size(n_ary) == 4 * hidden * width + n * (n + 3) * hidden**2


@pytest.mark.parametrize("options", [{}, {"variant": "n-ary", "children": 1}])
def test_a_tree_lstm_on_a_chain_is_an_lstm(options):
    torch.manual_seed(1)
    lstm = nn.LSTM(F, H, batch_first=True).double()
    cell = TreeLSTM(F + 1, hidden_size=H, **options).double()
    order = (0, 3, 2, 1)  # theirs: i, f, g, o; ours: i, o, u, f
    with torch.no_grad():
        W, U, b = lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0
        cell.from_x.weight.copy_(torch.cat([W.chunk(4)[g] for g in order]))
        cell.from_x.bias.copy_(torch.cat([b.chunk(4)[g] for g in order]))
        cell.from_h.weight.copy_(torch.cat([U.chunk(4)[g] for g in order[:3]]))
        cell.forget.weight.copy_(U.chunk(4)[1])
    words = torch.randn(2, 7, F, dtype=torch.float64, requires_grad=True)
    arities = torch.tensor([0] + [1] * 6).double().expand(2, 7)[..., None]
    y, state = cell(torch.cat([words, arities], -1))
    expected, (h, c) = lstm(words)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.nodes[:, 0], torch.cat([h[0], c[0]], -1), rtol=1e-12, atol=1e-12)
    mixture = torch.randn_like(y)
    got, want = (torch.autograd.grad((r * mixture).sum(), words)[0] for r in (y, expected))
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-12)


def test_a_recursive_network_on_a_tree_that_branches_left_is_a_simple_recurrent_network():
    torch.manual_seed(2)
    rnn = nn.RNN(H, H, batch_first=True).double()
    cell = RecursiveNetwork(H + 1, hidden_size=H, function="tanh", leaf="copied").double()
    with torch.no_grad():
        cell.W.weight.copy_(torch.cat([rnn.weight_hh_l0, rnn.weight_ih_l0], 1))
        cell.W.bias.copy_(rnn.bias_ih_l0 + rnn.bias_hh_l0)
    words = torch.randn(3, 6, H, dtype=torch.float64)
    x = torch.zeros(3, 11, H + 1, dtype=torch.float64)
    x[:, 0, :-1], x[:, 1::2, :-1] = words[:, 0], words[:, 1:]
    x[:, 2::2, -1] = 2
    y, _ = cell(x)
    expected, _ = rnn(words[:, 1:], words[None, :, 0])
    torch.testing.assert_close(y[:, 2::2], expected, rtol=1e-12, atol=1e-12)
