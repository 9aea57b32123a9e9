"""The LSTM of 1997: hand-worked numbers, the weight counts of the papers, how it starts, what it refuses."""

import math

import pytest
import torch
from torch import nn

from recurra import InvalidInput, InvalidOption, Tags, leaves
from recurra_lstm.original import LSTM1997, LSTM1997State

INPUTS, STEPS, BATCH = 3, 6, 2
FORMS = {
    "1997": {},
    "every bias": {"biases": "all"},
    "cells feed back": {"gates_feed_back": False},
    "gates feed back": {"cells_feed_back": False},
    "experiment 2": {
        "output_gate": False, "cells_feed_back": False, "gates_feed_back": False,
        "biases": "none", "g": "logistic", "h": "identity",
    },
    "2000": {"forget_gate": True, "gates_feed_back": False},
    "2002": {
        "forget_gate": True, "gates_feed_back": False, "peepholes": True,
        "biases": "all", "g": "identity", "h": "identity",
    },
}  # fmt: skip


def h(s):
    return 2 / (1 + math.exp(-s)) - 1


def test_two_steps_by_hand():
    """One cell, x = 1, all logarithms of 3: every logistic function is 3/4 or 1/4 at the first step."""
    cell = LSTM1997(1, blocks=1, block_size=1, biases="none").double()
    ln3 = math.log(3)
    with torch.no_grad():  # rows: cell, input, output; columns: x, cell, input, output
        rows = [[ln3, 0, -4 / 3 * ln3, 0], [ln3, 0, 0, -8 * ln3], [-ln3, 0, 0, 0]]
        cell.weights.weight.copy_(torch.tensor(rows))
    y, state = cell(torch.ones(1, 2, 1).double())
    # first: y_in 3/4, g 4 * 3/4 - 2 = 1, s 3/4, y_out 1/4
    # second: net_c = ln3 - ln3 = 0, so g = 0 and s stays; net_in = ln3 - 2 ln3, so y_in = 1/4
    expected = torch.tensor([0.25 * h(0.75), 0.25 * h(0.75)]).double()
    torch.testing.assert_close(y.flatten(), expected, rtol=0, atol=1e-7)
    torch.testing.assert_close(state.s.item(), 0.75, rtol=0, atol=1e-7)
    torch.testing.assert_close(state.gates[0].tolist(), [0.25, 0.25], rtol=0, atol=1e-7)


def test_a_block_shares_its_gates_and_each_cell_has_its_own_input():
    cell = LSTM1997(1, blocks=2, block_size=2, biases="none", forget_gate=True, peepholes=True)
    cell = cell.double()
    assert cell.weights.weight.shape == (4 + 6, 1 + 4 + 6)
    with torch.no_grad():
        cell.weights.weight.zero_()
        cell.weights.weight[4:6] = torch.tensor([[math.log(3)], [0.0]])  # input gates 3/4 and 1/2
        cell.weights.weight[0:4, 0] = math.log(3) * torch.tensor([1.0, -1.0, 0.0, 1.0])  # g 1, -1, 0, 1
        cell.peepholes.zero_()
        cell.peepholes[2] = math.log(3) * torch.tensor([[1.0, -1 / 3], [2.0, 2.0]])
    _, state = cell.step(torch.ones(1, 1).double(), cell.initial_state(1))
    s = torch.tensor([[[0.75, -0.75], [0.0, 0.5]]]).double()
    torch.testing.assert_close(state.s, s, rtol=0, atol=1e-7)
    # the output gates see s after the step: ln3 (0.75 + 0.25) and ln3 (0 + 1)
    torch.testing.assert_close(state.gates[0, 4:].tolist(), [0.75, 0.75], rtol=0, atol=1e-7)


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("inputs", "outputs", "blocks", "size", "biases", "output_bias", "published"),
    [
        pytest.param(7, 7, 4, 1, "gates", False, 264, id="1, 4 blocks of 1"),
        pytest.param(7, 7, 3, 2, "gates", False, 276, id="1, 3 blocks of 2"),
        pytest.param(54, 2, 2, 1, "none", False, 364, id="2c, p = 50"),
        pytest.param(104, 2, 2, 1, "none", False, 664, id="2c, p = 100"),
        pytest.param(204, 2, 2, 1, "none", False, 1264, id="2c, p = 200"),
        pytest.param(504, 2, 2, 1, "none", False, 3064, id="2c, p = 500"),
        pytest.param(1004, 2, 2, 1, "none", False, 6064, id="2c, p = 1000"),
        pytest.param(1, 1, 3, 1, "all", False, 102, id="3"),
        pytest.param(2, 1, 2, 2, "all", True, 93, id="4 and 5"),
        pytest.param(8, 4, 2, 2, "all", True, 156, id="6a"),
        pytest.param(8, 8, 3, 2, "all", True, 308, id="6b"),
    ],
)
def test_weights_of_the_experiments_of_1997(inputs, outputs, blocks, size, biases, output_bias, published):
    cell = LSTM1997(inputs, blocks=blocks, block_size=size, biases=biases)
    assert count(cell, nn.Linear(blocks * size, outputs, bias=output_bias)) == published


def test_weights_of_experiment_2a():
    """Outputs see the inputs and the cell; the cell and its input gate see the inputs alone."""
    cell = LSTM1997(101, blocks=1, block_size=1, **FORMS["experiment 2"])
    assert count(cell) == 2 * 101
    assert count(cell, nn.Linear(101 + 1, 101, bias=False)) == 10504


def test_weights_of_the_continual_reber_net_of_2000():
    """Hidden units see inputs and cells, outputs see inputs, cells and a bias."""
    cell = LSTM1997(7, blocks=4, block_size=2, forget_gate=True, gates_feed_back=False)
    assert count(cell, nn.Linear(7 + 8, 7)) == 424


def test_weights_of_the_timing_net_of_2002():
    cell = LSTM1997(1, blocks=1, block_size=1, **FORMS["2002"])
    assert count(cell, nn.Linear(1, 1)) == 17


@pytest.mark.parametrize("form", FORMS)
def test_number_of_parameters(form):
    b, S = 3, 2
    cell = LSTM1997(INPUTS, blocks=b, block_size=S, **FORMS[form])
    G, biases = len(cell.gates), cell.options["biases"]
    U = INPUTS + b * S * cell.cells_feed_back + G * b * cell.gates_feed_back
    extra = {"none": 0, "gates": G * b, "all": G * b + b * S}[biases] + G * b * S * cell.options["peepholes"]
    assert count(cell) == b * (S + G) * U + extra


def test_start():
    torch.manual_seed(0)
    cell = LSTM1997(INPUTS, blocks=3, block_size=2, biases="all", forget_gate=True, peepholes=True,
                    input_bias=-1, output_bias=(-2.0, -4.0, -6.0), init_range=0.2)  # fmt: skip
    bias = cell.gate_bias.detach()  # rows: input, forget, output
    assert bias[0].tolist() == [-1, -1, -1]
    assert bias[2].tolist() == [-2, -4, -6]
    drawn = [cell.weights.weight, bias[1], cell.cell_bias, cell.peepholes]
    assert all(0 < p.detach().abs().max() <= 0.2 for p in drawn)
    assert cell.weights.weight.abs().max() > 0.18
    assert cell.weights.weight.unique().numel() > 100
    assert LSTM1997(2, forget_gate=True, forget_bias=1.5).gate_bias[1].unique().tolist() == [1.5]
    assert LSTM1997(2, blocks=2, input_bias=[-3, -6]).gate_bias[0].tolist() == [-3, -6]  # as a file has it


def test_tags_say_whether_the_gradient_is_exact():
    assert LSTM1997(2).tags == Tags(exact_gradient=False)
    assert LSTM1997(2, truncated=False).tags == Tags()


def test_state_and_views():
    cell = LSTM1997(INPUTS, blocks=3, block_size=2)
    state = cell.initial_state(BATCH)
    shapes = {"state.y": (BATCH, 6), "state.gates": (BATCH, 6), "state.s": (BATCH, 3, 2)}
    assert {name: tuple(t.shape) for name, t in leaves(state)} == shapes
    assert not any(leaf.any() for _, leaf in leaves(state))
    y, state = cell(torch.randn(BATCH, 4, INPUTS))
    assert torch.equal(y[:, -1], state.y)
    assert torch.equal(cell.diagnostics(state)["cells"], state.s.reshape(BATCH, 6))
    assert torch.equal(cell.diagnostics(state)["gates"], state.gates)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_keeps_the_state_in_single_precision(form):
    torch.manual_seed(2)
    cell = LSTM1997(INPUTS, blocks=3, block_size=2, **FORMS[form])
    x = torch.randn(BATCH, STEPS, INPUTS)
    expected, _ = cell(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = cell(x)
    torch.testing.assert_close(y.float(), expected, rtol=3e-2, atol=3e-2)
    assert not torch.equal(y.float(), expected)
    assert {leaf.dtype for _, leaf in leaves(state)} == {torch.float32}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"blocks": 0}, "LSTM1997: blocks = 0: .*greater than 0"),
        ({"block_size": 0}, "LSTM1997: block_size = 0: .*greater than 0"),
        ({"init_range": 0.0}, "LSTM1997: init_range = 0.0: .*greater than 0"),
        ({"biases": "gate"}, r"LSTM1997: biases = 'gate': .*; did you mean 'gates'\?"),
        ({"g": "tanh"}, "LSTM1997: g = 'tanh': expected one of scaled, logistic, identity"),
        ({"h": "logistic"}, "LSTM1997: h = 'logistic': expected one of scaled, identity"),
        ({"truncated": "no"}, "LSTM1997: truncated = 'no': "),
        ({"input_bias": "low"}, "LSTM1997: input_bias = 'low': expected a number"),
        ({"input_bias": float("nan")}, "LSTM1997: input_bias = nan: expected a number"),
        ({"output_bias": (-1.0, -2.0), "blocks": 3}, r"\(-1.0, -2.0\) has 2 values for 3 blocks"),
        ({"output_bias": ()}, r"output_bias = \(\) has 0 values for 64 blocks; give one number"),
        ({"forget_bias": 1.0}, "LSTM1997: forget_bias = 1.0 needs that gate; set forget_gate = true"),
        ({"output_bias": -1.0, "output_gate": False}, "output_bias = -1.0 needs that gate; set output_gate"),
        ({"input_bias": -1.0, "biases": "none"}, "input_bias = -1.0 needs gates with a bias; set biases"),
        ({"block": 2}, r"LSTM1997: unknown option 'block'; did you mean 'blocks'\?"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        LSTM1997(INPUTS, **options)


def test_a_state_of_other_blocks_is_refused():
    cell, other = (LSTM1997(2, blocks=b, block_size=s) for b, s in ((3, 2), (2, 3)))
    with pytest.raises(InvalidInput, match=r"state.gates must have shape \(1, 6\), got \(1, 4\)"):
        cell(torch.zeros(1, 1, 2), LSTM1997State(*other.initial_state(1)))


def test_the_input_is_shown_behind_the_cells():
    x = torch.randn(BATCH, STEPS, INPUTS)
    torch.manual_seed(0)
    shown = LSTM1997(INPUTS, blocks=2, shows_input=True)
    torch.manual_seed(0)
    hidden = LSTM1997(INPUTS, blocks=2)
    y, state = shown(x)
    expected, _ = hidden(x)
    assert shown.output_size == 4 + INPUTS
    assert torch.equal(y, torch.cat([expected, x], -1))
    assert state.y.shape == (BATCH, 4)
