"""The state after every step: in whatever structure it has, past the end of a row, and in wrappers."""

from typing import NamedTuple

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from recurra.activation_checkpointing import checkpointing
from recurra.cell import Cell
from recurra.state import leaves, map_state
from recurra_contract import Identity, ToyCell
from recurra_wrappers import Bidirectional, LearnedInitialState, RecurrentDropout, Stacked


class Part(NamedTuple):
    total: torch.Tensor
    pairs: torch.Tensor


class NestedState(NamedTuple):
    inner: Part
    seen: torch.Tensor


class Adding(Cell[NestedState]):
    """Adds up what it reads: in a number, in a matrix, and how often; y is the sum."""

    def __init__(self, *, counts: torch.dtype = torch.int64):
        super().__init__(1, 1)
        self.counts = counts

    def initial_state(self, batch_size):
        inner = Part(self.zeros(batch_size), self.zeros(batch_size, 1, 2))
        return NestedState(inner, torch.zeros(batch_size, dtype=self.counts))

    def step(self, x, state):
        total = state.inner.total + x[:, 0]
        pairs = state.inner.pairs + torch.stack([x, -x], -1)
        return total[:, None], NestedState(Part(total, pairs), state.seen + 1)


X = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]).double()[..., None]


@pytest.mark.parametrize("counts", [torch.int64, torch.float64])
@pytest.mark.parametrize("every", [None, 1, 2])
def test_numbers_by_hand(counts, every):
    cell = Adding(counts=counts).double()
    with checkpointing(every):
        y, states = cell(X, lengths=torch.tensor([3, 1]), states=True)
    assert y[..., 0].tolist() == [[1.0, 3.0, 7.0], [8.0, 0.0, 0.0]]
    assert states.inner.total.tolist() == [[1.0, 3.0, 7.0], [8.0, 8.0, 8.0]]
    assert states.inner.pairs[0, :, 0].tolist() == [[1.0, -1.0], [3.0, -3.0], [7.0, -7.0]]
    assert states.inner.pairs.shape == (2, 3, 1, 2)
    assert states.seen.tolist() == [[1, 2, 3], [1, 1, 1]]
    assert states.seen.dtype == counts


def test_resets_show_in_the_states():
    resets = torch.tensor([[False, True, False], [False, False, True]])
    _, states = Adding().double()(X, resets=resets, states=True)
    assert states.inner.total.tolist() == [[1.0, 2.0, 6.0], [8.0, 24.0, 32.0]]
    assert states.seen.tolist() == [[1, 1, 2], [1, 2, 1]]


@pytest.mark.parametrize("counts", [torch.int64, torch.float64])
def test_gradients_flow_through_every_state(counts):
    x = X.clone().requires_grad_()
    _, states = Adding(counts=counts).double()(x, lengths=torch.tensor([3, 2]), states=True)
    (states.inner.total * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    # Past its length a row stands where it was, so the state at the last place is that after two steps.
    assert x.grad[..., 0].tolist() == [[111.0, 110.0, 100.0], [111.0, 110.0, 0.0]]


@pytest.mark.parametrize("lengths", [None, torch.tensor([0, 0])])
@pytest.mark.parametrize("counts", [torch.int64, torch.float64])
def test_no_steps_have_no_states(counts, lengths):
    resets = torch.zeros(2, 0, dtype=torch.bool)
    y, states = Adding(counts=counts).double()(X[:, :0], lengths=lengths, resets=resets, states=True)
    assert y.shape == (2, 0, 1)
    shapes = {name: tuple(leaf.shape) for name, leaf in leaves(states)}
    assert shapes == {"state.inner.total": (2, 0), "state.inner.pairs": (2, 0, 1, 2), "state.seen": (2, 0)}


def test_no_rows_and_no_state():
    y, states = Adding(counts=torch.float64).double()(X[:0], states=True)
    assert (y.shape, states.inner.pairs.shape) == ((0, 3, 1), (0, 3, 1, 2))
    assert list(leaves(Identity(1).double()(X, states=True)[1])) == []


def test_states_of_a_packed_sequence_are_padded():
    lengths = torch.tensor([1, 3])
    packed = pack_padded_sequence(X, lengths, batch_first=True, enforce_sorted=False)
    _, states = Adding().double()(packed, states=True)
    _, expected = Adding().double()(X, lengths=lengths, states=True)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(leaves(states), leaves(expected), strict=True))


def test_autocast_keeps_their_dtype():
    cell = ToyCell(1)
    with torch.autocast("cpu", torch.bfloat16):
        _, states = cell(X.float(), states=True)
    assert states.h.dtype == torch.float32


def each(cell, x, lengths, resets):
    """Run to every step and stack the final states."""
    runs = []
    for t in range(1, x.shape[1] + 1):
        most = torch.full((len(x),), t) if lengths is None else lengths.clamp(max=t)
        runs.append(cell(x[:, :t], lengths=most, resets=resets[:, :t])[1])
    return map_state(lambda *leaf: torch.stack(leaf, 1), *runs)


MADE = {
    "stack": lambda: Stacked([ToyCell(2), ToyCell(4)], skip=False),
    "learned": lambda: LearnedInitialState(Stacked([ToyCell(2), ToyCell(4)])),
    "dropped": lambda: RecurrentDropout(ToyCell(2), inputs=0.5).eval(),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 5, 0])])
def test_wrapped_states_are_those_of_runs_that_end_there(make, lengths):
    torch.manual_seed(0)
    cell, x, resets = make().double(), torch.randn(3, 5, 2).double(), torch.rand(3, 5) < 0.3
    y, states = cell(x, lengths=lengths, resets=resets, states=True)
    torch.testing.assert_close(y, cell(x, lengths=lengths, resets=resets)[0], rtol=0, atol=1e-14)
    expected = each(cell, x, lengths, resets)
    for (name, got), (_, want) in zip(leaves(states), leaves(expected), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-14, msg=name)


@pytest.mark.parametrize("lengths", [None, [3, 5, 0]])
def test_states_of_both_directions_are_aligned_in_time(lengths):
    torch.manual_seed(0)
    forward_cell, backward_cell, x = ToyCell(2).double(), ToyCell(2).double(), torch.randn(3, 5, 2).double()
    told = None if lengths is None else torch.tensor(lengths)
    y, (ahead, back) = Bidirectional(forward_cell, backward_cell)(x, lengths=told, states=True)
    for row, length in enumerate(lengths or [5, 5, 5]):
        for t in range(length):
            _, read = forward_cell(x[row : row + 1, : t + 1])
            torch.testing.assert_close(ahead.h[row, t], read.h[0], rtol=0, atol=1e-14)
            _, read = backward_cell(x[row : row + 1, t:length].flip(1))
            torch.testing.assert_close(back.h[row, t], read.h[0], rtol=0, atol=1e-14)
        torch.testing.assert_close(y[row, :length], torch.cat([ahead.h, back.h], -1)[row, :length])
        first = back.h[row, 0] if length else torch.zeros(4).double()
        assert torch.equal(back.h[row, length:], first.expand(5 - length, -1))  # where it stands past the end
