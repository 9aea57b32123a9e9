"""Reservoirs: topologies by their counts and numpy's eigenvalues, steps by hand, feedback and the input."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from recurra import InvalidOption
from recurra.config.options import keyword_options
from recurra_reservoir.cell import EchoState, LeakyEchoState


def made(input_size=2, hidden_size=30, seed=0, **options):
    torch.manual_seed(seed)
    return LeakyEchoState(input_size, hidden_size=hidden_size, **options).double()


def largest_eigenvalue(cell):
    return np.abs(np.linalg.eigvals(cell.W.numpy())).max()


@pytest.mark.parametrize("topology", ["random", "ring", "cyclic-jump", "orthogonal"])
@pytest.mark.parametrize("radius", [0.9, 1.3])
def test_the_spectral_radius_is_exact(topology, radius):
    cell = made(topology=topology, spectral_radius=radius, density=0.2)
    assert largest_eigenvalue(cell) == pytest.approx(radius, rel=1e-5)


@pytest.mark.parametrize("topology", ["ring", "orthogonal"])
def test_all_eigenvalues_lie_on_a_circle(topology):
    values = np.linalg.eigvals(made(topology=topology, spectral_radius=0.8).W.numpy())
    np.testing.assert_allclose(np.abs(values), 0.8, rtol=1e-5)


def test_a_delay_line_forgets_after_as_many_steps_as_it_has_units():
    cell = made(hidden_size=6, topology="delay-line", spectral_radius=0.8)
    W = cell.W
    torch.testing.assert_close(W, 0.8 * torch.diag(torch.ones(5).double(), -1))
    assert not torch.linalg.matrix_power(W, 6).any()
    assert torch.linalg.matrix_power(W, 5).any()


def test_a_ring_has_one_connection_per_unit():
    W = made(hidden_size=6, topology="ring", spectral_radius=0.5).W
    pairs = {(column, row) for row, column in W.nonzero().tolist()}
    assert pairs == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)}
    assert W.unique().tolist() == [0, 0.5]


@pytest.mark.parametrize(
    ("units", "jumps"),
    [(9, [(0, 3), (3, 6), (6, 0)]), (10, [(0, 3), (3, 6), (6, 9)]), (11, [(0, 3), (3, 6), (6, 9)])],
)
def test_jumps_go_both_ways_between_every_third_unit(units, jumps):
    W = made(hidden_size=units, topology="cyclic-jump", jump=3, jump_weight=0.5).W
    ring = {(n, (n + 1) % units) for n in range(units)}
    found = {(column, row) for row, column in W.nonzero().tolist()}
    assert found - ring == {*jumps, *((b, a) for a, b in jumps)} - ring
    assert W.count_nonzero() == len(ring | found)
    assert (W[3, 0] / W[1, 0]).item() == (W[0, 3] / W[1, 0]).item() == pytest.approx(0.5)


def test_a_random_reservoir_is_sparse():
    cell = made(hidden_size=100, density=0.2)
    assert (cell.W != 0).double().mean().item() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("leaky", ["rates", "potentials"])
def test_it_equals_a_version_unit_by_unit(leaky):
    cell = made(hidden_size=4, density=1.0, leak=0.3, leaky=leaky, bias_scaling=0.5, feedback=2)
    with torch.no_grad():
        for p in cell.parameters():
            p.normal_()
    W, W_in, b, W_fb = (part.tolist() for part in (cell.W, cell.W_in, cell.b, cell.W_fb))
    K, k = cell.readback.weight.tolist(), cell.readback.bias.tolist()
    x, u = torch.randn(5, 2).double(), [0.0] * 4

    def product(row, vector):
        return sum(a * c for a, c in zip(row, vector, strict=True))

    for x_t in x.tolist():
        r = u if leaky == "rates" else [math.tanh(a) for a in u]
        z = [product(K[o], r) + k[o] for o in range(2)]
        s = [product(W_in[i], x_t) + b[i] + product(W[i], r) + product(W_fb[i], z) for i in range(4)]
        u = [0.7 * u[i] + 0.3 * (math.tanh(s[i]) if leaky == "rates" else s[i]) for i in range(4)]
    y, state = cell(x[None])
    assert state.u[0].tolist() == pytest.approx(u, rel=1e-12)
    assert y[0, -1].tolist() == pytest.approx(u if leaky == "rates" else [math.tanh(a) for a in u], rel=1e-12)


def test_a_ring_passes_a_pulse_on_by_hand():
    """From unit 0 alone: u = tanh(1/2) in unit 0, then tanh(1/2 * that) in unit 1."""
    cell = made(1, 3, topology="ring", spectral_radius=0.5, input_weights="signs", input_scaling=0.5)
    cell.W_in.zero_()[0] = 0.5
    y, _ = cell(torch.tensor([[[1.0], [0.0]]]).double())
    first = math.tanh(0.5)
    assert y[0].flatten().tolist() == pytest.approx([first, 0, 0, 0, math.tanh(0.5 * first), 0])


def test_states_forget_where_they_began():
    cell = made(spectral_radius=0.8, density=1.0)
    x = torch.randn(1, 300, 2).double()
    start = EchoState(torch.rand(1, 30).double())
    assert (cell(x, start)[0] - cell(x)[0])[0, -1].abs().max() < 1e-6


@pytest.mark.parametrize(("weights", "values"), [("uniform", None), ("signs", {-0.3, 0.3})])
def test_input_weights_have_their_scale(weights, values):
    W_in = made(hidden_size=500, input_scaling=0.3, input_weights=weights).W_in
    if values:
        assert {round(v, 6) for v in W_in.unique().tolist()} == values
    else:
        assert 0.29 < W_in.max() <= 0.3
        assert -0.3 <= W_in.min() < -0.29


def test_the_readout_may_see_the_input():
    cell, x = made(show_input=True), torch.randn(3, 4, 2).double()
    y, _ = cell(x)
    assert y.shape == (3, 4, 32)
    assert torch.equal(y[..., 30:], x)


def test_only_the_copy_of_the_readout_learns():
    assert not list(made().parameters())
    assert made().fed_back() is None
    cell = made(feedback=2)
    assert sum(p.numel() for p in cell.parameters()) == 2 * (30 + 1)
    assert cell.fed_back() is cell.readback
    assert not any(p.any() for p in cell.parameters())
    assert set(cell.state_dict()) == {"W", "W_in", "b", "W_fb", "readback.weight", "readback.bias"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"feedback": 1, "show_input": True}, "feedback and show_input exclude each other"),
        ({"topology": "cyclic-jump", "jump": 15}, "jump = 15 must be less than half of hidden_size = 30"),
        (
            {"hidden_size": 3, "density": 1e-6},
            "spectral_radius = 0.9: the units form no cycle; raise density",
        ),
        ({"leak": 0.0}, "leak = 0.0: "),
        ({"topology": "star"}, "topology = 'star': "),
    ],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=f"^LeakyEchoState: {re.escape(told)}"):
        made(**options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    for option, (_, default) in keyword_options(LeakyEchoState).items():
        shown = json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {})
