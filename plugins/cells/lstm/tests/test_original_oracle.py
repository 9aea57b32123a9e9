"""The LSTM of 1997 against the update equations of its papers, unit by unit and weight by weight."""

import itertools
import math

import pytest
import torch
from torch import nn

from recurra_lstm.original import LSTM1997

INPUTS, OUTPUTS, STEPS, BATCH = 3, 2, 6, 2


def logistic(x):
    return 1 / (1 + math.exp(-x))


def squash(name, bound, x):
    """Value and slope of g (bound 2) or h (bound 1), as the paper writes them."""
    if name == "identity":
        return x, 1.0
    f = logistic(x)
    low, span = (0.0, 1.0) if name == "logistic" else (-bound, 2 * bound)
    return low + span * f, span * f * (1 - f)


class Paper:
    """The papers' algorithm for one sequence: every unit alone, and the derivative of s carried per weight.

    `change` holds the summed changes of all weights for a learning rate of one: name -> row -> column.
    """

    def __init__(self, cell, readout):
        self.cell, (self.blocks, self.size) = cell, cell.block
        self.w = {name: p.tolist() for name, p in cell.named_parameters()}
        self.out_w, self.out_b = readout.weight.tolist(), readout.bias.tolist()
        self.columns = list(range(len(self.w["weights.weight"][0])))
        self.change = {name: torch.zeros_like(p).tolist() for name, p in cell.named_parameters()}
        self.out_change = torch.zeros_like(readout.weight).tolist()
        self.out_bias_change = torch.zeros_like(readout.bias).tolist()
        self.cells = self.blocks * self.size
        self.s, self.y = [0.0] * self.cells, [0.0] * self.cells
        self.gate = {kind: [0.0] * self.blocks for kind in cell.gates}
        self.D = {}  # (cell, unit whose weight it is, name, row, column) -> d s / d w

    def row(self, kind, j):
        return self.cells + self.cell.gates.index(kind) * self.blocks + j

    def sources(self, x):
        u = list(x)
        u += self.y if self.cell.cells_feed_back else []
        return u + [a for kind in self.cell.gates for a in self.gate[kind]] * self.cell.gates_feed_back

    def incoming(self, kind, j, u, s):
        """What a unit sees: (name, row, column) of each weight -> the activation behind it."""
        row = self.row(kind, j) if kind != "cell" else j
        seen = {("weights.weight", row, m): u[m] for m in self.columns}
        if kind == "cell":
            return seen | ({("cell_bias", j, None): 1.0} if "cell_bias" in self.w else {})
        k = self.cell.gates.index(kind)
        seen |= {("gate_bias", k, j): 1.0} if "gate_bias" in self.w else {}
        own = range(self.size) if "peepholes" in self.w else []
        return seen | {("peepholes", k, (j, v)): s[j * self.size + v] for v in own}

    def at(self, name, row, column):
        value = self.w[name][row]
        for index in () if column is None else column if isinstance(column, tuple) else (column,):
            value = value[index]
        return value

    def add(self, key, amount):
        name, row, column = key
        if column is None:
            self.change[name][row] += amount
        elif isinstance(column, tuple):
            self.change[name][row][column[0]][column[1]] += amount
        else:
            self.change[name][row][column] += amount

    def net(self, seen):
        return sum(self.at(*key) * activation for key, activation in seen.items())

    def step(self, x, target):
        u, before, gate = self.sources(x), list(self.s), {k: list(v) for k, v in self.gate.items()}
        outs = {}
        for j in range(self.blocks):
            early = {k: self.incoming(k, j, u, before) for k in gate if k != "output"}
            for kind, seen in early.items():
                gate[kind][j] = logistic(self.net(seen))
            for c in range(j * self.size, (j + 1) * self.size):
                self.store(c, self.incoming("cell", c, u, before), early, {k: v[j] for k, v in gate.items()})
            if "output" in gate:
                outs[j] = self.incoming("output", j, u, self.s)
                gate["output"][j] = logistic(self.net(outs[j]))
        self.gate = gate
        h, h_slopes = zip(*(squash(self.cell.h, 1.0, s) for s in self.s), strict=True)
        self.y = [self.open(c) * h[c] for c in range(self.cells)]
        nets = [sum(map(math.prod, zip(w, self.y, strict=True))) for w in self.out_w]
        y_k = [logistic(net + b) for net, b in zip(nets, self.out_b, strict=True)]
        self.learn([y * (1 - y) * (t - y) for y, t in zip(y_k, target, strict=True)], h, h_slopes, outs)
        return self.y

    def store(self, c, own, early, gate):
        """Update s and its derivative by every weight that it depends on."""
        before, y_in, y_f = self.s[c], gate["input"], gate.get("forget", 1.0)
        g, g_slope = squash(self.cell.g, 2.0, self.net(own))
        self.s[c] = y_f * before + y_in * g
        for key in [key for key in self.D if key[0] == c]:
            self.D[key] *= y_f
        grown = [(own, g_slope * y_in), (early["input"], g * y_in * (1 - y_in))]
        if "forget" in early:
            grown.append((early["forget"], before * y_f * (1 - y_f)))
        for seen, factor in grown:
            for key, activation in seen.items():
                self.D[c, key] = self.D.get((c, key), 0.0) + factor * activation

    def open(self, c):
        return self.gate["output"][c // self.size] if "output" in self.gate else 1.0

    def learn(self, e_k, h, h_slopes, outs):
        for k, e in enumerate(e_k):
            self.out_bias_change[k] += e
            for c in range(self.cells):
                self.out_change[k][c] += e * self.y[c]
        arriving = [sum(self.out_w[k][c] * e for k, e in enumerate(e_k)) for c in range(self.cells)]
        for j, seen in outs.items():
            y_out = self.gate["output"][j]
            own = range(j * self.size, (j + 1) * self.size)
            e_out = y_out * (1 - y_out) * sum(h[c] * arriving[c] for c in own)
            for key, activation in seen.items():
                self.add(key, e_out * activation)
        for (c, key), derivative in self.D.items():
            self.add(key, self.open(c) * h_slopes[c] * arriving[c] * derivative)


FORMS = {
    "1997": {},
    "every bias": {"biases": "all"},
    "no bias": {"biases": "none"},
    "cells feed back": {"gates_feed_back": False},
    "gates feed back": {"cells_feed_back": False},
    "experiment 2": {
        "output_gate": False, "cells_feed_back": False, "gates_feed_back": False,
        "biases": "none", "g": "logistic", "h": "identity",
    },
    "no output gate": {"output_gate": False, "forget_gate": True, "peepholes": True},
    "2000": {"forget_gate": True, "gates_feed_back": False},
    "2002": {"forget_gate": True, "peepholes": True, "biases": "all", "g": "identity", "h": "identity"},
    "peepholes alone": {"peepholes": True},
    "everything": {"forget_gate": True, "peepholes": True, "biases": "all"},
}  # fmt: skip
SIZES = [(3, 2), (1, 1), (2, 3)]


def network(options, blocks=3, size=2, **more):
    torch.manual_seed(blocks + size)
    cell = LSTM1997(INPUTS, blocks=blocks, block_size=size, init_range=1.0, **options, **more).double()
    readout = nn.Linear(cell.output_size, OUTPUTS).double()
    nn.init.uniform_(readout.weight, -1, 1)
    data = torch.randn(BATCH, STEPS, INPUTS).double(), torch.rand(BATCH, STEPS, OUTPUTS).double()
    return cell, readout, *data


def gradients(cell, readout, x, target):
    """Minus the gradient of half the summed squared error: what a step with a learning rate of one adds."""
    y_k = torch.sigmoid(readout(cell(x)[0]))
    parameters = [*cell.parameters(), *readout.parameters()]
    return [-g for g in torch.autograd.grad(((target - y_k) ** 2).sum() / 2, parameters)]


@pytest.mark.parametrize(("blocks", "size"), SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_forward_and_truncated_gradient_equal_the_papers_update_equations(form, blocks, size):
    cell, readout, x, target = network(FORMS[form], blocks, size)
    got = gradients(cell, readout, x, target)
    expected = [torch.zeros_like(g) for g in got]
    with torch.no_grad():
        y, state = cell(x)
    for row in range(BATCH):
        paper = Paper(cell, readout)
        steps = zip(x[row].tolist(), target[row].tolist(), strict=True)
        naive = torch.tensor([paper.step(*step) for step in steps], dtype=torch.float64)
        torch.testing.assert_close(y[row], naive, rtol=0, atol=1e-10)
        torch.testing.assert_close(state.s[row].flatten().tolist(), paper.s, rtol=0, atol=1e-10)
        gates = list(itertools.chain(*paper.gate.values()))
        torch.testing.assert_close(state.gates[row].tolist(), gates, rtol=0, atol=1e-10)
        changes = [*paper.change.values(), paper.out_change, paper.out_bias_change]
        for total, change in zip(expected, changes, strict=True):
            total += torch.tensor(change, dtype=torch.float64)
    for one, other in zip(got, expected, strict=True):
        assert other.abs().max() > 1e-4
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "experiment 2"])
def test_the_whole_gradient_is_another_one_and_the_outputs_are_the_same(form):
    (cell, *rest), (whole, *_) = network(FORMS[form]), network(FORMS[form], truncated=False)
    assert torch.equal(cell(rest[1])[0], whole(rest[1])[0])
    one, other = gradients(cell, *rest), gradients(whole, *rest)
    assert (one[0] - other[0]).abs().max() > 1e-3
    for a, b in zip(one[-2:], other[-2:], strict=True):  # the readout's
        assert torch.equal(a, b)


def test_without_feedback_nothing_is_left_to_truncate():
    options = FORMS["experiment 2"]
    (cell, *rest), (whole, *_) = network(options), network(options, truncated=False)
    for a, b in zip(gradients(cell, *rest), gradients(whole, *rest), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_an_error_reaches_x_at_its_own_step_but_no_earlier_x_through_the_units():
    cell, _, x, _ = network({"biases": "all"})
    x.requires_grad_()
    y, state = cell(x)
    (gradient,) = torch.autograd.grad(y[:, -1].sum(), x, retain_graph=True)
    assert (gradient.abs().amax((0, 2)) > 0).all()  # through s
    (gradient,) = torch.autograd.grad(state.gates.sum(), x)
    assert gradient[:, -1].any()
    assert not gradient[:, :-1].any()
