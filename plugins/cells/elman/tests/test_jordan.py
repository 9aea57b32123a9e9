"""Jordan networks: numbers by hand, and a second version with lists."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_elman.jordan import Jordan, JordanState

FUNCTIONS = {
    "tanh": math.tanh,
    "logistic": lambda v: 1 / (1 + math.exp(-v)),
    "relu": lambda v: max(v, 0.0),
    "identity": lambda v: v,
}


def naive(cell, x, activation, output, trace):
    """One sequence, x a list of lists of numbers, unit by unit -> the outputs, the last state units."""
    W, b, U, V, b_y = (
        p.tolist()
        for p in (cell.from_x.weight, cell.from_x.bias, cell.from_c.weight, *cell.to_y.parameters())
    )
    f, f_y = FUNCTIONS[activation], FUNCTIONS[output]
    c, ys = [0.0] * cell.output_size, []
    for x_t in x:
        h = []
        for j in range(len(b)):
            net = b[j] + sum(w * v for w, v in zip(W[j], x_t, strict=True))
            h.append(f(net + sum(u * v for u, v in zip(U[j], c, strict=True))))
        ys.append([f_y(b_y[k] + sum(v * a for v, a in zip(V[k], h, strict=True))) for k in range(len(b_y))])
        c = [y + trace * old for y, old in zip(ys[-1], c, strict=True)]
    return ys, c


@pytest.mark.parametrize("output", ["logistic", "tanh", "identity"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_it_equals_a_version_with_lists(activation, output):
    torch.manual_seed(0)
    cell = Jordan(2, hidden_size=4, units=3, trace=0.3, activation=activation, output=output).double()
    for p in cell.parameters():
        torch.nn.init.normal_(p, std=0.5)
    x = torch.randn(2, 7, 2, dtype=torch.float64)
    y, state = cell(x)
    for row in range(2):
        expected, c = naive(cell, x[row].tolist(), activation, output, 0.3)
        torch.testing.assert_close(y[row], torch.tensor(expected, dtype=torch.float64))
        torch.testing.assert_close(state.c[row], torch.tensor(c, dtype=torch.float64))


def test_state_units_are_a_trace_of_the_outputs():
    # The output weights are zero and the bias 2, so y = 2 throughout: c = 2, 2 + 1, 2 + 1.5, ...
    cell = Jordan(1, hidden_size=2, units=1, trace=0.5, output="identity").double()
    torch.nn.init.zeros_(cell.to_y.weight)
    torch.nn.init.constant_(cell.to_y.bias, 2.0)
    state, seen = cell.initial_state(1), []
    for _ in range(4):
        _, state = cell.step(torch.zeros(1, 1, dtype=torch.float64), state)
        seen.append(state.c.item())
    assert seen == [2.0, 3.0, 3.5, 3.75]


def test_the_one_step_gradient_takes_the_state_units_as_inputs():
    torch.manual_seed(2)
    cell = Jordan(2, hidden_size=4, units=3, truncated=True).double()
    x = torch.randn(2, 5, 2, dtype=torch.float64)
    y, _ = cell(x)
    y[:, -1].sum().backward()
    got = [p.grad.clone() for p in cell.parameters()]
    cell.zero_grad()
    with torch.no_grad():
        _, before = cell(x[:, :-1])
    cell.step(x[:, -1], JordanState(before.c))[0].sum().backward()
    for grad, p in zip(got, cell.parameters(), strict=True):
        torch.testing.assert_close(grad, p.grad)
    assert not cell.tags.exact_gradient
    assert Jordan(2).tags.exact_gradient


def test_counts():
    of_hidden, of_outputs = 5 * (2 + 3 + 1), 3 * (5 + 1)
    cell = Jordan(2, hidden_size=5, units=3)
    assert sum(p.numel() for p in cell.parameters()) == of_hidden + of_outputs


@pytest.mark.parametrize(("option", "value"), [("trace", 1.0), ("units", 0), ("output", "relu")])
def test_wrong_options_are_refused(option, value):
    with pytest.raises(InvalidOption, match=f"^Jordan: {option} = "):
        Jordan(2, **{option: value})
