"""Layers: connections that skip some, dropout between them (torch's LSTM is the oracle), several kinds."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from recurra.cell import Cell, SequenceLayer, Tags
from recurra.errors import IncompatibleParts, InvalidOption
from recurra.state import leaves, map_state
from recurra_wrappers import Bidirectional, Layers, Stacked


class Sum(Cell[tuple]):
    """y = h' = h + factor (the sum of x), a number that can be worked out by hand."""

    def __init__(self, input_size, *, factor: float = 1.0):
        super().__init__(input_size, 1)
        self.factor = factor

    def initial_state(self, batch_size):
        return (self.zeros(batch_size, 1),)

    def step(self, x, state):
        h = state[0] + self.factor * x.sum(-1, keepdim=True)
        return h, (h,)


class Trees(Sum):
    tags = Tags(input_kind="trees", exact_gradient=False)


class LSTMState(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


class OfTorch(Cell[LSTMState]):
    """torch's own LSTM cell."""

    def __init__(self, input_size, *, hidden_size: int = 4):
        super().__init__(input_size, hidden_size)
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def initial_state(self, batch_size):
        return LSTMState(self.zeros(batch_size, self.output_size), self.zeros(batch_size, self.output_size))

    def step(self, x, state):
        h, c = self.cell(x, tuple(state))
        return h, LSTMState(h, c)


def rebuilt(theirs, **options):
    sizes = [theirs.input_size] + [theirs.hidden_size] * (theirs.num_layers - 1)
    cells = [OfTorch(size, hidden_size=theirs.hidden_size) for size in sizes]
    for n, cell in enumerate(cells):
        for name, parameter in cell.cell.named_parameters():
            parameter.data.copy_(getattr(theirs, f"{name}_l{n}"))
    return Stacked(cells, **options)


X = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # sums 3 and 7


def test_every_layer_reads_x_and_all_layers_are_put_out():
    stack = Stacked([Sum(2), Sum(3, factor=10.0), Sum(3, factor=100.0)], skip=True)
    y, state = stack(X)
    # step 1: 3; 10 (3 + 3) = 60; 100 (3 + 60) = 6300.  step 2: 10; 60 + 10 (7 + 10); 6300 + 100 (7 + 230)
    assert y.tolist() == [[[3.0, 60.0, 6300.0], [10.0, 230.0, 30000.0]]]
    assert [leaf.item() for _, leaf in leaves(state)] == [10.0, 230.0, 30000.0]
    assert (stack.input_size, stack.output_size) == (2, 3)


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 0, 2])])
def test_running_with_skips_equals_stepping(lengths):
    torch.manual_seed(0)
    stack = Stacked([OfTorch(3), OfTorch(7, hidden_size=5), Sum(8)], skip=True, dropout=0.5).double().eval()
    x = torch.randn(3, 4, 3).double()
    run, stepped = stack(x, lengths=lengths), Cell.unroll(stack, x, stack.initial_state(3), lengths=lengths)
    torch.testing.assert_close(run[0], stepped[0], rtol=0, atol=1e-14)
    for (_, a), (_, b) in zip(leaves(run[1]), leaves(stepped[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_layers_that_cannot_be_stepped_skip_too():
    torch.manual_seed(0)
    first, second = Bidirectional(Sum(2), Sum(2)), Bidirectional(Sum(4), Sum(4))
    y, _ = Layers([first, second], skip=True)(X)
    y_first, _ = first(X)
    y_second, _ = second(torch.cat([X, y_first], -1))
    assert torch.equal(y, torch.cat([y_first, y_second], -1))


def test_a_width_that_leaves_x_out_is_refused():
    told = "^Stacked: a layer outputs 1 features and x has 2, the next one expects 1$"
    with pytest.raises(IncompatibleParts, match=told):
        Stacked([Sum(2), Sum(1)], skip=True)


def test_dropout_needs_two_layers_and_a_probability():
    with pytest.raises(
        InvalidOption, match=r"^Stacked: dropout = 0\.5 applies between layers, but there is only one$"
    ):
        Stacked([Sum(2)], dropout=0.5)
    with pytest.raises(InvalidOption, match=r"^Layers: dropout = 1\.0: .*less than 1"):
        Layers([Sum(2), Sum(1)], dropout=1.0)


@pytest.mark.parametrize("training", [False, True])
def test_dropout_is_torchs_to_the_bit(training):
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 4, 3, batch_first=True, dropout=0.5).train(training)
    ours = rebuilt(theirs, dropout=0.5).train(training)
    x = torch.randn(1, 20, 3)  # in a batch of one, both draw the masks of a layer in the same order
    torch.manual_seed(1)
    expected, (h, c) = theirs(x)
    torch.manual_seed(1)
    y, state = ours(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-6)
    for n, layer in enumerate(state):
        torch.testing.assert_close(layer.h, h[n], rtol=0, atol=1e-6)
        torch.testing.assert_close(layer.c, c[n], rtol=0, atol=1e-6)
    assert torch.equal(y, rebuilt(theirs)(x)[0]) is not training


def test_what_is_dropped_is_a_share_of_each_step_of_each_row():
    class Pass(Sum):
        def step(self, x, state):
            return x, state

    class Wide(Pass):
        def __init__(self, input_size):
            super().__init__(input_size)
            self.output_size = input_size

    torch.manual_seed(0)
    stack = Stacked([Wide(50), Wide(50)], dropout=0.3).train()
    y, _ = stack(torch.ones(20, 30, 50))
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    dropped = (y == 0).float()
    assert abs(dropped.mean().item() - 0.3) < 4 * (0.3 * 0.7 / 30_000) ** 0.5
    assert not torch.equal(dropped[:, 0], dropped[:, 1])  # drawn anew at every step
    assert not torch.equal(dropped[0], dropped[1])
    kept, _ = Stacked([Wide(50), Wide(50)], dropout=0.3, skip=False).eval()(torch.ones(20, 30, 50))
    assert torch.equal(kept, torch.ones(20, 30, 50))


def test_a_stack_promises_what_its_layers_promise():
    assert Stacked([Sum(2), Sum(1)]).tags == Tags()
    assert Stacked([Sum(2), Sum(1)], dropout=0.1).tags == Tags(stochastic=True)
    assert Stacked([Trees(2), Sum(1)]).tags == Tags(input_kind="trees", exact_gradient=False)
    assert Bidirectional(Sum(2), Sum(2)).tags == Tags()
    assert Tags() == Cell.tags  # those of the class are as they were


class Doubled(SequenceLayer):
    """A third party's layer that contains no cell."""

    tags = Tags(stochastic=True)

    def __init__(self, width):
        super().__init__()
        self.input_size = self.output_size = width

    def initial_state(self, batch_size):
        return ()

    def unroll(self, x, state, *, lengths=None, resets=None, states=False):
        return 2 * x, state


def test_a_layer_without_a_cell_promises_for_itself():
    assert Layers([Doubled(2), Sum(2)]).tags == Tags(stochastic=True)
    assert Bidirectional(Doubled(2), Doubled(2)).tags == Tags(stochastic=True)
    y, state = Layers([Doubled(2)])(X)
    assert torch.equal(y, 2 * X)
    assert state == ((),)


def test_kinds_and_sizes_may_differ_and_the_state_is_handed_on():
    torch.manual_seed(0)
    stack = Stacked([OfTorch(2, hidden_size=3), Sum(3), OfTorch(1, hidden_size=2)])
    whole, end = stack(X)
    _, state = stack(X[:, :1])
    rest, after = stack(X[:, 1:], map_state(torch.clone, state))
    assert torch.equal(rest, whole[:, 1:])
    assert [name for name, _ in leaves(end)] == [
        "state.0.h",
        "state.0.c",
        "state.1.0",
        "state.2.h",
        "state.2.c",
    ]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(leaves(after), leaves(end), strict=True))


def test_x_comes_first_in_what_a_layer_reads():
    class Pick(Sum):
        def step(self, x, state):
            return x[:, -1:], state

    y, _ = Stacked([Sum(2), Pick(3)], skip=True)(X)
    assert y.tolist() == [[[3.0, 3.0], [10.0, 10.0]]]  # the last number is what the layer below puts out
