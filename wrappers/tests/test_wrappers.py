"""Cells made of cells: layers on top of each other, two directions, a controller with its memory."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recurra.cell import Cell, Tags
from recurra.errors import IncompatibleParts, InvalidInput
from recurra.memory import Memory, MemoryCell
from recurra.state import leaves
from recurra_wrappers import Bidirectional, Layers, Stacked, reverse


class MixState(NamedTuple):
    h: torch.Tensor


class Mix(Cell[MixState]):
    """tanh of a mixture of x and h; its own loss, if it has one, is the sum of |h|."""

    def __init__(self, input_size, *, hidden_size: int = 3, thrifty: bool = False):
        super().__init__(input_size, hidden_size)
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)
        self.thrifty = thrifty

    def initial_state(self, batch_size):
        return MixState(self.zeros(batch_size, self.output_size))

    def step(self, x, state):
        h = torch.tanh(self.mix(torch.cat([x, state.h], -1)))
        return h, MixState(h)

    def auxiliary_loss(self, state):
        return state.h.abs().sum(-1) if self.thrifty else None

    def diagnostics(self, state):
        return {"units": state.h}


class Slot(Memory[MixState]):
    """Adds what it is driven with to what it holds, and reads it."""

    def __init__(self, *, width: int = 2):
        super().__init__(width, width)

    def initial_state(self, batch_size):
        return MixState(self.zeros(batch_size, self.output_size))

    def initial_read(self, batch_size):
        return self.zeros(batch_size, self.output_size) + 0.5

    def step(self, interface, state):
        held = state.h + interface
        return held, MixState(held)

    def diagnostics(self, state):
        return {"held": state.h}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def drawn(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


def stack():
    return Stacked([Mix(2, hidden_size=3), Mix(3, hidden_size=5), Mix(5, hidden_size=4)]).double()


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 0, 2])])
def test_a_stack_runs_layer_by_layer_as_it_steps(lengths):
    cell, x = stack(), drawn(3, 4, 2)
    y, state = cell(x, lengths=lengths)
    y_stepped, state_stepped = Cell.unroll(cell, x, cell.initial_state(3), lengths=lengths)
    torch.testing.assert_close(y, y_stepped, rtol=0, atol=1e-14)
    for (name, got), (_, expected) in zip(leaves(state), leaves(state_stepped), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-14, msg=name)


def test_a_stack_is_one_layer_on_the_other():
    cell, x = stack(), drawn(2, 4, 2)
    y = x
    for layer in cell.layers:
        y, _ = layer(y)
    assert torch.equal(cell(x)[0], y)
    assert (cell.input_size, cell.output_size) == (2, 4)
    assert [name for name, _ in leaves(cell.initial_state(1))] == ["state.0.h", "state.1.h", "state.2.h"]
    assert list(cell.diagnostics(cell.initial_state(1))) == [
        "layer 1: units",
        "layer 2: units",
        "layer 3: units",
    ]


@pytest.mark.parametrize("wrapper", [Stacked, Layers])
def test_layers_that_do_not_fit_are_refused(wrapper):
    told = f"^{wrapper.__name__}: a layer outputs 3 features, the next one expects 4$"
    with pytest.raises(IncompatibleParts, match=told):
        wrapper([Mix(2), Mix(4)])
    with pytest.raises(IncompatibleParts, match=f"^{wrapper.__name__}: needs at least one layer$"):
        wrapper([])


def test_directions_that_read_different_widths_are_refused():
    with pytest.raises(
        IncompatibleParts,
        match=r"^Bidirectional: both directions must have the same input size, got 2 and 3$",
    ):
        Bidirectional(Mix(2), Mix(3))


def test_wrappers_check_what_they_are_given():
    for wrapper in (stack(), Bidirectional(Mix(2), Mix(2)).double()):
        name = type(wrapper).__name__
        with pytest.raises(InvalidInput, match=rf"^{name}: x must be \(batch, time, 2\), got \(2, 4, 3\)$"):
            wrapper(drawn(2, 4, 3))
        with pytest.raises(InvalidInput, match=r"^state.0.h must have shape \(2, 3\), got \(1, 3\)$"):
            wrapper(drawn(2, 4, 2), wrapper.initial_state(1))


def test_both_directions_equal_each_row_run_from_both_ends():
    both = Bidirectional(Mix(2, hidden_size=3), Mix(2, hidden_size=4)).double()
    x, lengths = drawn(3, 5, 2), torch.tensor([5, 0, 2])
    x[1:, 2:] = torch.nan
    y, (ahead, back) = both(x, lengths=lengths)
    assert y.shape == (3, 5, 7)
    for b, length in enumerate(lengths.tolist()):
        row = x[b : b + 1, :length]
        y_ahead, alone_ahead = both.ahead(row)
        y_back, alone_back = both.back(row.flip(1))
        expected = torch.cat([y_ahead, y_back.flip(1)], -1)[0]
        torch.testing.assert_close(y[b, :length], expected, rtol=0, atol=1e-14)
        assert not y[b, length:].any()
        torch.testing.assert_close(ahead.h[b], alone_ahead.h[0], rtol=0, atol=1e-14)
        torch.testing.assert_close(back.h[b], alone_back.h[0], rtol=0, atol=1e-14)


def test_layers_stack_what_cannot_be_stepped():
    first, second = Bidirectional(Mix(2), Mix(2)), Bidirectional(Mix(6), Mix(6))
    layers = Layers([first, second]).double()
    x, lengths = drawn(2, 4, 2), torch.tensor([4, 3])
    y, state = layers(x, lengths=lengths)
    y_first, state_first = first(x, lengths=lengths)
    y_second, state_second = second(y_first, lengths=lengths)
    assert torch.equal(y, y_second)
    pairs = zip(leaves(state), leaves((state_first, state_second)), strict=True)
    assert all(torch.equal(a, b) for (_, a), (_, b) in pairs)


def test_own_losses_of_the_parts_add_up():
    plain, thrifty = Mix(2), Mix(3, thrifty=True)
    _, state = Stacked([plain, thrifty])(torch.randn(2, 4, 2))
    assert torch.equal(Stacked([plain, thrifty]).auxiliary_loss(state), state[1].h.abs().sum(-1))
    assert Stacked([plain]).auxiliary_loss(state[:1]) is None

    pair = Bidirectional(Mix(2, thrifty=True), Mix(2, thrifty=True))
    _, state = pair(torch.randn(2, 4, 2))
    expected = sum(s.h.abs().sum(-1) for s in state)
    torch.testing.assert_close(pair.auxiliary_loss(state), expected)
    torch.testing.assert_close(Layers([pair]).auxiliary_loss((state,)), expected)

    joined = MemoryCell(Mix(4, thrifty=True), Slot())
    _, state = joined(torch.randn(2, 4, 2))
    assert torch.equal(joined.auxiliary_loss(state), state.controller.h.abs().sum(-1))
    assert MemoryCell(Mix(4), Slot()).auxiliary_loss(state) is None


def test_a_cell_with_a_memory_promises_what_both_parts_do():
    controller = Mix(4)
    controller.tags = Tags(exact_gradient=False)
    assert MemoryCell(controller, Slot()).tags == Tags(exact_gradient=False)
    slot = Slot()
    slot.tags = Tags(differentiable=False)
    assert MemoryCell(Mix(4), slot).tags == Tags(differentiable=False)


class Trees(Mix):
    """A cell that reads trees."""

    tags = Tags(input_kind="trees")


@pytest.mark.parametrize("controller", [Trees(4), Stacked([Trees(4)])])
def test_a_controller_that_reads_trees_is_refused(controller):
    kind = type(controller).__name__
    told = f"^MemoryCell: a controller reads vectors, and {kind} reads trees; choose another controller$"
    with pytest.raises(IncompatibleParts, match=told):
        MemoryCell(controller, Slot())


@pytest.mark.parametrize("pair", [(Trees(2), Trees(2)), (Mix(2), Trees(2))])
def test_trees_are_not_read_from_the_end(pair):
    told = "^Bidirectional: Trees reads trees, whose children must come before their parent; read them in one"
    with pytest.raises(IncompatibleParts, match=told):
        Bidirectional(*pair)


@pytest.mark.parametrize("kind", [Layers, Stacked])
def test_trees_are_read_by_the_first_layer_alone(kind):
    assert kind([Trees(2), Mix(3)]).tags.input_kind == "trees"
    told = f"^{kind.__name__}: layer 2, Trees, reads trees, and a layer below outputs vectors; only the first"
    for below in (Trees(2), Mix(2)):
        with pytest.raises(IncompatibleParts, match=told):
            kind([below, Trees(3)])
    with pytest.raises(IncompatibleParts, match=told):
        kind([Trees(2), Trees(5)], skip=True)


def test_a_controller_sees_what_was_read_before_and_y_what_is_read_now():
    cell = MemoryCell(Mix(5, hidden_size=3), Slot(width=2)).double()
    assert (cell.input_size, cell.output_size) == (3, 5)
    x = drawn(2, 2, 3)
    y, state = cell(x)
    h_1, controller = cell.controller.step(
        torch.cat([x[:, 0], torch.full((2, 2), 0.5)], -1), MixState(drawn(2, 3) * 0)
    )
    held_1 = cell.interface(h_1)
    h_2, controller = cell.controller.step(torch.cat([x[:, 1], held_1], -1), controller)
    held_2 = held_1 + cell.interface(h_2)
    expected = torch.stack([torch.cat([h_1, held_1], -1), torch.cat([h_2, held_2], -1)], 1)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(state.r, held_2, rtol=0, atol=1e-14)
    torch.testing.assert_close(state.memory.h, held_2, rtol=0, atol=1e-14)
    assert list(cell.diagnostics(state)) == ["held", "read vectors"]


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), extra=st.sampled_from([(), (2,), (2, 3)]))
def test_reversing_turns_each_row_within_its_length(lengths, extra):
    x, lengths = torch.randn(len(lengths), 6, *extra), torch.tensor(lengths)
    turned = reverse(x, lengths)
    for row, before, length in zip(turned, x, lengths.tolist(), strict=True):
        assert torch.equal(row[:length], before[:length].flip(0))
        assert torch.equal(row[length:], before[length:])
    assert torch.equal(reverse(turned, lengths), x)


def test_reversing_without_lengths_turns_everything():
    x = torch.randn(2, 3, 4)
    assert torch.equal(reverse(x, None), x.flip(1))


@pytest.mark.parametrize("how", [{}, {"lengths": torch.tensor([2, 4])}, {"states": True}])
@pytest.mark.parametrize(
    "together",
    [lambda a, b: Stacked([a, b]), lambda a, b: Layers([a, b]), Bidirectional],
    ids=["stacked", "layers", "bidirectional"],
)
def test_the_hooks_of_a_layer_are_called(together, how):
    first, second = Mix(3), Mix(3)
    net, x, seen = together(first, second), torch.randn(2, 4, 3), []
    want, _ = net(x, **how)
    second.register_forward_pre_hook(lambda module, given: seen.append("before"))
    first.register_forward_hook(lambda module, given, results: seen.append(results[0].shape))
    got, _ = net(x, **how)
    assert sorted(map(str, seen)) == ["before", "torch.Size([2, 4, 3])"]
    assert torch.equal(got, want)
    second.register_forward_hook(lambda module, given, results: (results[0] * 0, results[1]))
    changed, _ = net(x, **how)
    assert not changed[..., -3:].any()
