"""Fully recurrent networks: by hand, unit by unit, and absent and fixed connections while others learn."""

import io
import json
import math
import re
from pathlib import Path

import pytest
import torch

from recurra import InvalidInput, InvalidOption
from recurra.config.options import keyword_options
from recurra_fully_recurrent.cell import FullyRecurrent, FullyRecurrentState
from recurra_lab.exports.program import export

FUNCTIONS = {"tanh": math.tanh, "logistic": lambda s: 1 / (1 + math.exp(-s)), "relu": lambda s: max(s, 0.0)}


def made(input_size=3, hidden_size=6, seed=0, **options):
    torch.manual_seed(seed)
    return FullyRecurrent(input_size, hidden_size=hidden_size, **options).double()


def test_a_step_by_hand():
    # Unit 0 sees x and unit 1, unit 1 only its bias and itself.
    cell = made(1, 2, outputs=(1, 0))
    with torch.no_grad():
        cell.weights.copy_(torch.tensor([[2.0, 0.0, -1.0, 0.5], [0.0, 0.0, 3.0, -1.0]]))
    x, u = torch.tensor([[0.25]]).double(), torch.tensor([[0.7, 0.1]]).double()
    y, state = cell.step(x, FullyRecurrentState(u))
    first, second = math.tanh(2 * 0.25 - 0.1 + 0.5), math.tanh(3 * 0.1 - 1)
    assert state.u[0].tolist() == pytest.approx([first, second])
    assert y[0].tolist() == pytest.approx([second, first])


@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_it_equals_a_version_unit_by_unit(activation, leak):
    cell = made(activation=activation, leak=leak, density=0.6, trained=0.5, init_range=1.0)
    w, x = cell.matrix().tolist(), torch.randn(5, 3, dtype=torch.float64)
    u = [0.0] * 6
    for t in range(5):
        z = [*x[t].tolist(), *u, 1.0]
        s = [sum(a * b for a, b in zip(row, z, strict=True)) for row in w]
        u = [(1 - leak) * old + leak * FUNCTIONS[activation](net) for old, net in zip(u, s, strict=True)]
    y, _ = cell(x[None])
    torch.testing.assert_close(y[0, -1], torch.tensor(u, dtype=torch.float64))


def test_absent_and_fixed_connections_stay_while_others_learn():
    cell = made(hidden_size=20, density=0.4, trained=0.5, self_feedback=False)
    before, learns = cell.matrix().clone(), cell.learns.clone()
    absent = before == 0
    optimizer = torch.optim.AdamW(cell.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        cell(torch.randn(4, 6, 3, dtype=torch.float64))[0].square().sum().backward()
        optimizer.step()
    after = cell.matrix()
    assert torch.equal(after[~learns], before[~learns])
    assert not after[absent].any()
    assert (after[learns] != before[learns]).all()
    assert not after[:, 3:23].diagonal().any()
    among = (before[:, 3:23] != 0).double().mean()
    assert among.item() == pytest.approx(0.4 * 19 / 20, abs=0.08)
    assert learns.sum() / (~absent).sum() == pytest.approx(0.5, abs=0.08)
    assert (before[:, :3] != 0).all()


def test_an_echo_state_network_learns_nothing_but_is_saved():
    cell = made(trained=0.0)
    assert not any(p.requires_grad for p in cell.parameters())
    assert not any(p.any() for p in cell.parameters())
    other = made(trained=0.0, seed=1)
    other.load_state_dict(cell.state_dict())
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    assert torch.equal(other(x)[0], cell(x)[0])


def test_a_share_that_drew_no_connection_wants_no_gradient():
    cell = made(1, 1, trained=1e-6)
    assert not cell.learns.any()
    assert not cell.weights.requires_grad


@pytest.mark.parametrize("trained", [0.0, 1.0])
def test_input_of_another_dtype_or_device_is_refused(trained):
    cell = FullyRecurrent(3, hidden_size=6, trained=trained)
    with pytest.raises(InvalidInput, match=r"x is torch\.float64 but the parameters are torch\.float32"):
        cell(torch.zeros(1, 2, 3, dtype=torch.float64))
    with pytest.raises(InvalidInput, match="x is on meta but the parameters are on cpu"):
        cell(torch.zeros(1, 2, 3, device="meta"))


@pytest.mark.parametrize("options", [{}, {"density": 0.2}, {"self_feedback": False, "trained": 0.0}])
@pytest.mark.parametrize("radius", [0.9, 1.25])
def test_the_spectral_radius_is_exact(radius, options):
    cell = made(hidden_size=30, spectral_radius=radius, **options)
    eigenvalues = torch.linalg.eigvals(cell.matrix()[:, 3:33])
    assert eigenvalues.abs().max().item() == pytest.approx(radius, rel=1e-5)


def test_states_of_an_echo_state_network_forget_where_they_began():
    cell = made(hidden_size=50, spectral_radius=0.8, trained=0.0)
    x = torch.randn(1, 300, 3, dtype=torch.float64)
    start = FullyRecurrentState(torch.rand(1, 50, dtype=torch.float64))
    assert (cell(x, start)[0] - cell(x)[0])[0, -1].abs().max() < 1e-6


def test_outputs_are_any_units():
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    everything, _ = made()(x)
    assert torch.equal(made(outputs=2)(x)[0], everything[..., :2])
    assert torch.equal(made(outputs=(5, 1))(x)[0], everything[..., [5, 1]])


def test_logits_are_what_output_units_squash():
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    shown, logits = (made(outputs=2, activation="logistic", logits=some)(x) for some in (False, True))
    torch.testing.assert_close(torch.sigmoid(logits[0]), shown[0])
    assert torch.equal(logits[1].u, shown[1].u)


@pytest.mark.parametrize("options", [{"outputs": 2}, {"outputs": (5, 1), "trained": 0.0}])
def test_an_exported_program_shows_the_same_units(options):
    cell, file = made(**options), io.BytesIO()
    torch.export.save(export(cell), file)
    file.seek(0)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(torch.export.load(file).module()(x)[0], cell(x)[0])


def test_counts():
    assert sum(p.numel() for p in made(3, 6).parameters()) == 6 * (3 + 6 + 1)


@pytest.mark.parametrize("outputs", [0, -1, 7, (), (6,), (-1,), (1, 1)])
def test_outputs_that_are_no_units_are_refused(outputs):
    told = f"FullyRecurrent: outputs = {outputs}: expected 1 to 6 units, or distinct indices from 0 to 5"
    with pytest.raises(InvalidOption, match=f"^{re.escape(told)}$"):
        FullyRecurrent(3, hidden_size=6, outputs=outputs)


def test_a_radius_without_a_cycle_is_refused():
    with pytest.raises(InvalidOption, match=r"the connections among units have no cycle; raise density$"):
        made(density=0.0, spectral_radius=0.9)


def test_a_chain_has_no_radius_and_tiny_weights_have():
    # Units that see only those before them have eigenvalues of exactly zero, however large their weights.
    cell = made(hidden_size=6)
    w, order = torch.zeros(6, 10), torch.tensor([3, 0, 5, 1, 4, 2])
    w[:, 3:9] = torch.rand(6, 6).tril(-1)[order][:, order]
    with pytest.raises(InvalidOption, match="the connections among units have no cycle"):
        cell._scale(w, 0.9)
    tiny = made(hidden_size=6, init_range=1e-9, spectral_radius=0.9)
    assert torch.linalg.eigvals(tiny.matrix()[:, 3:9]).abs().max().item() == pytest.approx(0.9, rel=1e-5)


@pytest.mark.parametrize(
    ("option", "value"), [("density", 1.5), ("trained", -0.1), ("leak", 0.0), ("activation", "")]
)
def test_wrong_options_are_refused(option, value):
    with pytest.raises(InvalidOption, match=f"^FullyRecurrent: {option} = "):
        FullyRecurrent(3, **{option: value})


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for option, (_, default) in keyword_options(FullyRecurrent).items():
        shown = "none" if default is None else json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {})


def test_targets_take_the_place_of_output_units_where_they_are_scored():
    cell = FullyRecurrent(2, hidden_size=4, outputs=(3, 1))
    state = FullyRecurrentState(torch.arange(8.0).view(2, 4))
    target = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    forced = cell.forced(state, target, torch.tensor([True, False]))
    assert forced.u.tolist() == [[0.0, 20.0, 2.0, 10.0], [4.0, 5.0, 6.0, 7.0]]
    everything = FullyRecurrent(2, hidden_size=2).forced(
        FullyRecurrentState(target), 2 * target, torch.tensor([False, True])
    )
    assert everything.u.tolist() == [[10.0, 20.0], [60.0, 80.0]]
