"""A whole sequence equals its steps, whatever the lengths, and whatever the padding holds."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra import Batch, checkpointing
from recurra.cell import Cell
from recurra.state import leaves


class TallyState(NamedTuple):
    h: torch.Tensor
    age: torch.Tensor
    trace: torch.Tensor


class Tally(Cell[TallyState]):
    """A small cell with a matrix and an integer in its state."""

    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.mix = nn.Linear(input_size + 4, 4)

    def initial_state(self, batch_size):
        age = torch.zeros(batch_size, dtype=torch.int64)
        return TallyState(self.zeros(batch_size, 4), age, self.zeros(batch_size, 2, 4))

    def step(self, x, state):
        h = torch.tanh(self.mix(torch.cat([x, state.h], -1)))
        trace = torch.stack([h, 0.5 * state.trace[:, 0]], 1)
        return h + trace[:, 1], TallyState(h, state.age + 1, trace)


def equal(one, other):
    return all(torch.equal(a, b) for (_, a), (_, b) in zip(leaves(one), leaves(other), strict=True))


def stepped(cell, x, state):
    outputs = []
    for x_t in x.unbind(1):
        y, state = cell.step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, 1), state


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return Tally(3).double()


def drawn(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


def test_a_sequence_is_its_steps(cell):
    x = drawn(2, 6, 3)
    y, state = cell(x)
    y_stepped, state_stepped = stepped(cell, x, cell.initial_state(2))
    assert torch.equal(y, y_stepped)
    assert equal(state, state_stepped)
    assert state.age.tolist() == [6, 6]


@pytest.mark.parametrize("split", range(7))
def test_a_state_handed_on_continues_the_sequence(cell, split):
    x = drawn(2, 6, 3)
    y, last = cell(x)
    y_first, state = cell(x[:, :split])
    y_second, state = cell(x[:, split:], state)
    assert torch.equal(torch.cat([y_first, y_second], 1), y)
    assert equal(state, last)


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    hole=st.sampled_from([0.0, torch.nan, torch.inf]),
)
def test_lengths_equal_rows_run_alone(lengths, hole):
    torch.manual_seed(1)
    cell, x = Tally(3).double(), drawn(len(lengths), 5, 3)
    for b, length in enumerate(lengths):
        x[b, length:] = hole
    y, state = cell(x, lengths=torch.tensor(lengths))
    for b, length in enumerate(lengths):
        y_alone, alone = cell(x[b : b + 1, :length])
        torch.testing.assert_close(y[b, :length], y_alone[0], rtol=0, atol=1e-14)
        assert not y[b, length:].any()
        for (_, leaf), (_, leaf_alone) in zip(leaves(state), leaves(alone), strict=True):
            torch.testing.assert_close(leaf[b], leaf_alone[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("hole", [torch.nan, torch.inf, -torch.inf])
def test_what_padding_holds_changes_no_bit_of_output_or_gradient(cell, hole):
    lengths, x = torch.tensor([4, 0, 2]), drawn(3, 4, 3)
    results = []
    for filling in (0.0, hole):
        live = torch.arange(4) < lengths[:, None]
        padded = torch.where(live[..., None], x, filling).requires_grad_()
        cell.zero_grad()
        y, state = cell(padded, lengths=lengths)
        (y.square().sum() + state.trace.sum()).backward()
        results.append(
            [y, *(leaf for _, leaf in leaves(state)), padded.grad, *(p.grad for p in cell.parameters())]
        )
    for clean, spoilt in zip(*results, strict=True):
        assert clean.isfinite().all()
        assert torch.equal(clean, spoilt)
    assert not results[1][4][1].any()  # the gradient of the row of length zero


def test_lengths_of_all_steps_change_nothing(cell):
    x = drawn(2, 4, 3)
    y, state = cell(x)
    y_ragged, state_ragged = cell(x, lengths=torch.tensor([4, 4], dtype=torch.int32))
    assert torch.equal(y, y_ragged)
    assert equal(state, state_ragged)


def test_no_steps_give_no_outputs_and_the_state_that_was_given(cell):
    _, state = cell(drawn(2, 3, 3))
    y, after = cell(drawn(2, 0, 3), state)
    assert y.shape == (2, 0, 4)
    assert y.dtype == torch.float64
    assert equal(after, state)
    y, after = cell(drawn(2, 0, 3), lengths=torch.tensor([0, 0]))
    assert y.shape == (2, 0, 4)
    assert equal(after, cell.initial_state(2))


@pytest.mark.parametrize("ragged", [False, True])
def test_no_rows_give_no_outputs(cell, ragged):
    y, state = cell(drawn(0, 3, 3), lengths=torch.zeros(0, dtype=torch.int64) if ragged else None)
    assert y.shape == (0, 3, 4)
    assert {name: leaf.shape[0] for name, leaf in leaves(state)} == {
        "state.h": 0,
        "state.age": 0,
        "state.trace": 0,
    }


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
@pytest.mark.parametrize("how", ["at once", "in segments", "states"])
def test_small_integer_types_of_lengths_do_not_wrap_around(cell, dtype, how):
    x, lengths = drawn(2, 60, 3), torch.tensor([60, 3])
    with checkpointing(7 if how == "in segments" else None):
        given, expected = (cell(x, lengths=n, states=how == "states") for n in (lengths.to(dtype), lengths))
    assert equal(given, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_a_part_of_a_batch_has_lengths_that_do_not_wrap_around(dtype):
    x, lengths = drawn(3, 120, 3), torch.tensor([100, 10, 25], dtype=dtype)
    part = Batch(x, x, torch.ones(3, 120, dtype=torch.bool), lengths).steps(20, 40)
    assert part.lengths.tolist() == [20, 0, 5]


@pytest.mark.parametrize("lengths", [[5, 3, 1], [2, 5, 2, 5, 1, 2]])
def test_a_packed_sequence_gives_one_back_in_the_same_order(cell, lengths):
    x, lengths = drawn(len(lengths), 5, 3), torch.tensor(lengths)
    y, state = cell(x, lengths=lengths)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y_packed, state_packed = cell(packed)
    assert torch.equal(pad_packed_sequence(y_packed, batch_first=True)[0], y)
    assert equal(state_packed, state)
    # A loss may be taken on the packed numbers, so these must stand in the order in which x has its own.
    index = torch.arange(len(lengths) * 5.0).view(len(lengths), 5, 1)
    order = pack_padded_sequence(index, lengths, batch_first=True, enforce_sorted=False).data[:, 0].long()
    assert torch.equal(y_packed.data, y.reshape(-1, 4)[order])


def test_a_packed_sequence_continues_from_a_state(cell):
    lengths = torch.tensor([4, 2])
    _, start = cell(drawn(2, 3, 3))
    x = drawn(2, 4, 3)
    packed = pack_padded_sequence(x, lengths, batch_first=True)
    assert packed.sorted_indices is None
    y, state = cell(packed, start)
    y_padded, expected = cell(x, start, lengths=lengths)
    assert torch.equal(pad_packed_sequence(y, batch_first=True)[0], y_padded)
    assert equal(state, expected)


def test_running_changes_neither_input_nor_state(cell):
    x, lengths = drawn(2, 4, 3), torch.tensor([4, 1])
    _, start = cell(x)
    before = [x.clone(), lengths.clone(), *(leaf.clone() for _, leaf in leaves(start))]
    cell(x, start, lengths=lengths)
    after = [x, lengths, *(leaf for _, leaf in leaves(start))]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
