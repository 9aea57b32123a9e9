"""Forward-mode derivatives: tangents, the structure of Jacobians, and the gradient of whole sequences."""

import pytest
import torch
from engine_cells import ODD, USUAL, Heads, Lstm, Memory, Readout, Twice, made, tensors_of
from engine_constructs import GROUPS, Constructs
from engine_toys import Toy
from torch import nn

from recurra import map_state, sequence
from recurra_engine.compiled import traced
from recurra_engine.influence import forward_mode
from recurra_engine.ir.graph import leaf
from recurra_engine.ir.interpreter import Plan
from recurra_engine.passes.jvp import NoTangent, pushforward
from recurra_engine.passes.sparsity import closure, colours, dependence

LENGTHS = torch.tensor([6, 0, 3])


class Units(Toy):
    """Units that do not feel each other: h' = u h + tanh(W x), y = h'."""

    def __init__(self, input_size=3, *, hidden_size=5):
        super().__init__(input_size, hidden_size=hidden_size)
        self.u = nn.Parameter(torch.linspace(0.1, 0.9, hidden_size))

    def step(self, x, h):
        h = self.u * h + torch.tanh(self.x(x))
        return h, h


class Learned(Toy):
    """Starts from a learned state."""

    def __init__(self, input_size=3, *, hidden_size=5):
        super().__init__(input_size, hidden_size=hidden_size)
        self.first = nn.Parameter(torch.linspace(-1, 1, hidden_size))

    def initial_state(self, batch_size):
        return self.first.expand(batch_size, -1).tanh()

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h))
        return h, h


def jacobians(cell, of_state):
    """Return ∂ results / ∂ h or ∂ x by the graph and by autograd, and where the graph has more than zeros."""
    h = cell.initial_state(1)
    x = torch.linspace(0.2, 0.9, h.shape[1], dtype=h.dtype)[None]
    made_of = traced(cell, x[:, None], h)
    program, n = made_of.program, h.shape[1]
    results, source = [program.y, *program.after], program.states[0] if of_state else program.x
    seed = leaf("shared", "seed", (n, *source.shape))
    tangents = pushforward(results, source, seed)
    plan = Plan([t for t in tangents if t is not None], [program.x, *program.states, *program.shared, seed])
    values = made_of.weights(made_of.step.inputs(cell), x)
    ran = iter(plan([x[None], h[None], *values, torch.eye(n, dtype=h.dtype)[:, None]], x))
    flat = [
        x.new_zeros(n, result.size) if t is None else next(ran).reshape(n, -1)
        for result, t in zip(results, tangents, strict=True)
    ]
    wanted = torch.autograd.functional.jacobian(lambda *given: torch.cat(cell.step(*given), -1), (x, h))
    return torch.cat(flat, 1).detach(), wanted[of_state][0, :, 0].T, dependence(results, source)


@pytest.mark.parametrize("group", [g for g in GROUPS if g not in ("data", "weights alone")])
def test_tangents_are_autograds(group):
    names = [name for name in GROUPS[group] if can_move(name)]
    assert len(names) > len(GROUPS[group]) // 2
    torch.manual_seed(0)
    cell = Constructs(*names).double().eval()
    for of_state in (False, True):
        found, wanted, mask = jacobians(cell, of_state)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)
        assert not wanted[~mask].any()
        assert not mask.all()


def can_move(name):
    torch.manual_seed(0)
    cell = Constructs(name).double().eval()
    try:
        program = traced(cell, torch.zeros(2, 1, cell.input_size).double(), cell.initial_state(2)).program
        for source in (program.x, *program.states):
            pushforward([program.y], source, leaf("shared", "seed", (1, *source.shape)))
    except NoTangent:
        return False
    return True


def test_columns_without_a_common_row_have_one_colour():
    pattern = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]]).bool()
    assert colours(pattern).tolist() == [0, 0, 1, 0]
    assert closure(torch.tensor([[0, 1, 0], [0, 0, 1], [0, 0, 0]]).bool()).int().tolist() == [
        [1, 1, 1],
        [0, 1, 1],
        [0, 0, 1],
    ]


def mode_of(cell, rule="exact", rows=3, steps=6):
    x = tensors_of(torch.float64, rows, steps, cell.input_size)
    with sequence.using("native"):
        return forward_mode(cell, x, cell.initial_state(rows), rule), x


def gradients(cell, lengths=None):
    """Return the gradient by the recurrence and by autograd."""
    mode, x = mode_of(cell)
    parameters = list(cell.parameters())
    y, _ = cell(x, lengths=lengths)
    g = tensors_of(torch.float64, *y.shape, seed=1)
    g = g if lengths is None else g * (torch.arange(6) < lengths[:, None])[..., None]
    ran, J = mode.run(x, map_state(torch.Tensor.detach, cell.initial_state(3)), lengths), mode.start(3, None)
    torch.testing.assert_close(ran.y, y)
    found = mode.of_parameters(mode.learn(ran, g, J), parameters, ran.shared)
    loss = (y * g).sum() + sum(0 * parameter.sum() for parameter in parameters)  # y may be made of none
    wanted = torch.autograd.grad(loss, parameters)
    return found, wanted


def test_units_that_do_not_feel_each_other_are_groups_of_their_own():
    mode, _ = mode_of(made(Units))
    assert [group.rows.tolist() for group in mode.groups] == [[unit] for unit in range(5)]
    assert [group.columns for group in mode.groups] == [5] * 5  # three inputs, a bias, and u
    assert sum(group.multiplications for group in mode.groups) == 2 * 25
    for found, wanted in zip(*gradients(made(Units), LENGTHS), strict=True):
        torch.testing.assert_close(found, wanted)


def test_units_that_do_are_one_group():
    mode, _ = mode_of(made(Lstm))
    (group,) = mode.groups
    assert sorted(group.rows.tolist()) == list(range(10))
    assert group.matrix.shape == (10, 5)  # what h acts on; c acts on its own unit alone
    assert len(group.entries) == 10
    assert len(group.runs) == 2 * 20  # x, h and one bias of one gate of one unit; the other bias


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("kind", [*USUAL, *ODD, Learned, Units])
def test_the_gradient_of_a_sequence_is_autograds(kind, lengths):
    cell = made(kind)
    if isinstance(mode_of(cell)[0], str):
        pytest.skip(mode_of(cell)[0])
    for found, wanted in zip(*gradients(cell, lengths), strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Lstm, Heads, Memory, Readout, Twice, Learned])
def test_some_steps_at_a_time_give_the_same(kind, monkeypatch):
    monkeypatch.setattr("recurra_engine.forward_mode.MOST_NUMBERS", 1)
    for found, wanted in zip(*gradients(made(kind), LENGTHS), strict=True):
        torch.testing.assert_close(found, wanted)


def test_influence_goes_into_an_order_without_tiles_and_back():
    mode, _ = mode_of(made(Lstm))
    J = mode.kernel.laid_out(torch.arange(3.0 * 10 * 200).double().view(3, -1))
    assert J.shape == (3, mode.kernel.J_row)
    assert torch.equal(mode.kernel.in_order(J), torch.arange(3.0 * 10 * 200).double().view(3, -1))


def test_threads_share_the_columns(monkeypatch):
    wanted, _ = gradients(made(Lstm))
    monkeypatch.setattr("recurra_engine.cpu.influence.WORTH_A_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    for one, other in zip(gradients(made(Lstm))[0], wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_what_has_no_recurrence_says_why():
    class Sorted(Toy):
        def step(self, x, h):
            h = torch.tanh(self.x(x) + self.h(h) + (self.x(x) * h).sort(-1).values.cumsum(-1) * h)
            return h, h

    mode, _ = mode_of(made(Sorted))
    assert mode.startswith("the step calls torch")
