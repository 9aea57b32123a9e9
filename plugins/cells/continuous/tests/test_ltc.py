"""LTC by hand, synapse by synapse, and against numbers of the authors' package."""

import math

import pytest
import torch

from recurra_continuous.ltc import LTC, LTCState


def wave(module):
    """Set every parameter, in the order of their names, to sines of whole numbers."""
    with torch.no_grad():
        for k, (_, p) in enumerate(sorted(module.named_parameters())):
            p.copy_(torch.sin(k + 1 + torch.arange(p.numel(), dtype=torch.float64)).view(p.shape))


def test_a_step_by_hand():
    """One unit, one input at the threshold of its synapse, one unfold of Δt = 1/2.

    f = w / 2 = 1 for the input with w = 2 and E = 3, f = 0 for the unit's own synapse. With C = g = 1,
    E_l = 1/2 and v = 4: v' = (C v + (g E_l + 3) / 2) / (C + (g + 1) / 2) = (4 + 1.75) / 2 = 2.875.
    """
    cell = LTC(1, hidden_size=1, unfolds=1, dt=0.5).double()
    one, two = math.log(math.e - 1), math.log(math.e**2 - 1)  # softplus of these is 1 and 2
    values = {"C": one, "g": one, "E_l": 0.5, "a": 2.0, "c": -1.0}
    inputs = {"w": two, "gamma": 5.0, "mu": 0.6, "E": 3.0}
    with torch.no_grad():
        for name, value in values.items():
            getattr(cell, name).fill_(value)
        for name, value in inputs.items():
            getattr(cell.from_inputs, name).fill_(value)
        cell.from_units.w.fill_(-100)
    x, v = torch.tensor([[0.8]], dtype=torch.float64), torch.tensor([[4.0]]).double()  # 2 * 0.8 - 1 = 0.6 = μ
    y, state = cell.step(x, LTCState(v))
    assert y.item() == state.v.item() == pytest.approx(2.875, rel=1e-12)


def test_it_equals_a_version_synapse_by_synapse():
    torch.manual_seed(0)
    cell = LTC(2, hidden_size=3, unfolds=2, dt=0.7).double()
    wave(cell)
    p = {name: value.tolist() for name, value in cell.named_parameters()}

    def positive(a):
        return math.log1p(math.exp(a))

    def conductance(kind, i, j, u):
        w, γ, μ = (p[f"{kind}.{name}"][i][j] for name in ("w", "gamma", "mu"))
        return positive(w) / (1 + math.exp(-γ * (u - μ)))

    x, v, δ = torch.randn(4, 2).double(), [0.0] * 3, 0.35
    for x_t in x.tolist():
        u = [p["a"][i] * x_t[i] + p["c"][i] for i in range(2)]
        for _ in range(2):
            new = []
            for j in range(3):
                f = [("from_units", i, conductance("from_units", i, j, v[i])) for i in range(3)]
                f += [("from_inputs", i, conductance("from_inputs", i, j, u[i])) for i in range(2)]
                drive = sum(value * p[f"{kind}.E"][i][j] for kind, i, value in f)
                total, C, g = sum(value for *_, value in f), positive(p["C"][j]), positive(p["g"][j])
                new.append((C * v[j] + δ * (g * p["E_l"][j] + drive)) / (C + δ * (g + total)))
            v = new
    assert cell(x[None])[1].v[0].tolist() == pytest.approx(v, rel=1e-12)


def test_it_equals_the_authors_package():
    """Numbers of ncps 1.0: `LTCCell(FullyConnected(2, 2), 2, ode_unfolds=3)`, positive by softplus, ε = 0."""
    cell = LTC(3, hidden_size=2, unfolds=3, elapsed="last-channel").double()
    wave(cell)
    x = torch.tensor([[[0.5, -1.0, 0.5], [1.5, 0.25, 2.0]]]).double()
    _, state = cell(x)
    assert state.v[0].tolist() == pytest.approx([-0.18054278254685, -0.0684694164303897], rel=1e-12)


def test_the_input_sets_the_time_constant():
    """From v = 1 towards E = 0: without input the leak takes over, with input the synapse is faster."""
    cell = LTC(1, hidden_size=1).double()
    with torch.no_grad():
        cell.from_units.w.fill_(-100)
        for part in (cell.E_l, cell.from_inputs.E):
            part.zero_()
    _, state = cell.step(torch.tensor([[-10.0], [10.0]]).double(), LTCState(torch.ones(2, 1).double()))
    assert 0 < state.v[1] < state.v[0] < 1


def test_more_unfolds_solve_the_equation():
    """C dv/dt = g (E_l - v) alone: v = E_l (1 - exp(-g t / C))."""
    cell = LTC(1, hidden_size=1, unfolds=2000, dt=1.5).double()
    with torch.no_grad():
        cell.E_l.fill_(1)
        for synapses in (cell.from_units, cell.from_inputs):
            synapses.w.fill_(-100)
    g, C = (math.log1p(math.exp(p.item())) for p in (cell.g, cell.C))
    y, _ = cell.step(torch.zeros(1, 1).double(), cell.initial_state(1))
    assert y.item() == pytest.approx(1 - math.exp(-g * 1.5 / C), abs=1e-3)


def test_initial_values_and_number_of_parameters():
    cell = LTC(5, hidden_size=30)
    assert sum(p.numel() for p in cell.parameters()) == 4 * 30 * 35 + 3 * 30 + 2 * 5
    ranges = [(cell.C, 0.4, 0.6), (cell.g, 0.001, 1.0), (cell.from_units.w, 0.001, 1.0)]
    for parameter, low, high in ranges:
        value = torch.nn.functional.softplus(parameter)
        assert low - 1e-4 <= value.min() < value.max() <= high + 1e-4
    assert set(cell.from_units.E.unique().tolist()) == {-1.0, 1.0}
    assert (cell.from_units.E > 0).double().mean().item() == pytest.approx(2 / 3, abs=0.06)
