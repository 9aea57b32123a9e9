"""Numbers by hand, and graphs that are walked node by node."""

import math

import pytest
import torch

from recurra_evolving_ntm.network import NeatNetwork
from recurra_lab import Evolvable


def logistic(s):
    return 1 / (1 + math.exp(-s))


def exact(*args, **options):
    cell = NeatNetwork(*args, **options).double()
    torch.nn.init.zeros_(cell.w)
    return cell


@torch.no_grad()
def test_a_chain_by_hand():
    # x -> node 2 -> node 1 -> node 0, the only output; columns: bias, x, nodes 0 to 2.
    cell = exact(1, output_size=1, hidden_size=2, layers=3, slope=2.0)
    cell.w[2, 1], cell.w[1, 4], cell.w[0, 3], cell.w[0, 0] = 0.5, -1.0, 3.0, 0.25
    y, _ = cell(torch.tensor([[[1.0]]], dtype=torch.float64))
    second = logistic(2 * 0.5 * 1.0)
    first = logistic(2 * -1.0 * second)
    assert y.item() == pytest.approx(2 * (0.25 + 3.0 * first), abs=1e-12)


@torch.no_grad()
def test_a_connection_of_a_recurrent_network_takes_a_step():
    cell = exact(1, output_size=1, hidden_size=1, connections="recurrent", slope=1.0)
    cell.w[1, 1], cell.w[0, 3], cell.w[0, 2] = 1.0, 2.0, -0.5  # x -> 1 -> 0, and 0 sees itself
    y, state = cell(torch.tensor([[[1.0], [3.0]]], dtype=torch.float64))
    assert y[0, 0].item() == 0.0
    second = 2.0 * logistic(1.0) - 0.5 * logistic(0.0)
    assert y[0, 1].item() == pytest.approx(second, abs=1e-12)
    assert state.a[0].tolist() == pytest.approx([logistic(second), logistic(3.0)], abs=1e-12)


def walked(w, x, node, slope):
    """Return s of a node, by asking for the nodes it sees."""
    row = w[node].tolist()
    total = row[0] + sum(weight * value for weight, value in zip(row[1:], x, strict=False))
    for other, weight in enumerate(row[1 + len(x) :]):
        if weight:
            total += weight * logistic(walked(w, x, other, slope))
    return slope * total


@pytest.mark.parametrize("seed", range(5))
@torch.no_grad()
def test_any_graph_without_circles_equals_a_walk(seed):
    torch.manual_seed(seed)
    cell = exact(3, output_size=2, hidden_size=5, layers=7, slope=1.3)
    order = torch.randperm(7)  # a node sees those before it in this order, outputs too
    before = order.argsort()[None, :] < order.argsort()[:, None]
    cell.w.copy_(torch.randn(7, 11, dtype=torch.float64))
    cell.w[:, 4:] *= before & (torch.rand(7, 7) < 0.6)
    x = torch.randn(4, 1, 3, dtype=torch.float64)
    y, _ = cell(x)
    for row, given in zip(y[:, 0], x[:, 0], strict=True):
        expected = [walked(cell.w, given.tolist(), node, 1.3) for node in range(2)]
        assert row.tolist() == pytest.approx(expected, rel=1e-9)


def test_it_starts_with_inputs_and_outputs_alone():
    torch.manual_seed(0)
    cell = NeatNetwork(200, output_size=50, hidden_size=3)
    direct = cell.w[:50, :201]
    assert abs(direct.std().item() - 1) < 0.05
    assert abs(direct.mean().item()) < 0.05
    assert cell.w.count_nonzero() == direct.numel()


def test_it_says_where_its_connections_are():
    cell = NeatNetwork(3, output_size=2, hidden_size=4)
    assert isinstance(cell, Evolvable)
    room = cell.topology()
    assert room.weights is cell.w
    assert (room.inputs, room.outputs, room.hidden, room.layers) == (3, 2, 4, 4)
    assert NeatNetwork(3, connections="recurrent").topology().layers is None
