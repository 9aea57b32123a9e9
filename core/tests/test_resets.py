"""Resets inside a sequence: each part of a row equals that part alone."""

from itertools import pairwise

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.cell import Cell
from recurra.errors import InvalidInput
from recurra.state import leaves
from recurra_contract import ToyCell
from recurra_wrappers import Bidirectional, LearnedInitialState, RecurrentDropout, Stacked

RESETS = torch.tensor([[0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [0, 1, 1, 0, 1]]).bool()


def made():
    torch.manual_seed(0)
    cell = LearnedInitialState(Stacked([ToyCell(2), ToyCell(4)])).double()
    for start in cell.starts:
        torch.nn.init.normal_(start)
    return cell


X = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def in_parts(cell, row, start, steps=5):
    """Run one row, part by part, each from the initial state: outputs (T, O) and the last state."""
    borders = [t for t in range(1, steps) if RESETS[row, t]]
    state = None if RESETS[row, 0] else start
    outputs = []
    for first, last in zip([0, *borders], [*borders, steps], strict=True):
        y, state = cell(X[row : row + 1, first:last], state if first == 0 else None)
        outputs.append(y[0])
    return torch.cat(outputs), state


def test_every_part_of_a_row_equals_that_part_alone():
    cell = made()
    _, given = cell(X.flip(1))
    for start in (None, given):
        y, end = cell(X, start, resets=RESETS)
        for row in range(3):
            alone = None if start is None else tuple(type(s)(s.h[row : row + 1]) for s in start)
            expected, last = in_parts(cell, row, alone)
            torch.testing.assert_close(y[row], expected, rtol=0, atol=1e-14)
            for (_, got), (_, wanted) in zip(leaves(end), leaves(last), strict=True):
                torch.testing.assert_close(got[row], wanted[0], rtol=0, atol=1e-14)


def test_resets_past_the_length_of_a_row_change_nothing():
    cell, lengths = made(), torch.tensor([4, 2, 0])
    x = X.clone()
    x[1, 2:] = torch.nan
    y, end = cell(x, lengths=lengths, resets=RESETS)
    late = RESETS.clone()
    late[0, 4], late[1, 2:], late[2] = False, True, True
    y_late, end_late = cell(x, lengths=lengths, resets=late)
    assert torch.equal(y, y_late)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(leaves(end), leaves(end_late), strict=True))
    expected, last = in_parts(cell, 0, None, steps=4)
    torch.testing.assert_close(y[0, :4], expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(end[1].h[0], last[1].h[0], rtol=0, atol=1e-14)
    assert torch.equal(end[0].h[2], cell.starts[0])


@pytest.mark.parametrize("lengths", [[3, 5, 4], [5, 4, 3]])
def test_packed_rows_are_reset_as_padded_ones(lengths):
    cell, lengths = made(), torch.tensor(lengths)
    packed = pack_padded_sequence(X, lengths, batch_first=True, enforce_sorted=False)
    y, end = cell(packed, resets=RESETS)
    expected, last = cell(X, lengths=lengths, resets=RESETS)
    torch.testing.assert_close(pad_packed_sequence(y, batch_first=True)[0], expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(end[1].h, last[1].h, rtol=0, atol=1e-14)


class Halving(Cell):
    """h' = h / 2 + x, which is put out."""

    def __init__(self):
        super().__init__(1, 1)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 1) + 8

    def step(self, x, state):
        h = state / 2 + x
        return h, h


def test_numbers_by_hand():
    x = torch.tensor([[1.0, 2.0, 4.0, 8.0]]).double()
    marks = torch.tensor([[False, False, True, False]])
    y, end = Halving().double()(x[..., None], resets=marks)
    # 8 / 2 + 1 = 5 and 5 / 2 + 2 = 4.5; anew 8 / 2 + 4 = 8 and 8 / 2 + 8 = 12
    assert y.flatten().tolist() == [5.0, 4.5, 8.0, 12.0]
    assert end.item() == 12.0


def test_a_mark_at_the_first_step_hides_the_state_that_is_given():
    cell, x = Halving().double(), torch.ones(2, 1, 1).double()
    y, _ = cell(x, torch.tensor([[0.0], [0.0]]).double(), resets=torch.tensor([[False], [True]]))
    assert y.flatten().tolist() == [1.0, 5.0]


@pytest.mark.parametrize("lengths", [None, [5, 3, 0], [4, 5, 2]])
def test_the_backward_cell_reads_every_part_from_its_own_end(lengths):
    torch.manual_seed(0)
    forward_cell, backward_cell = ToyCell(2).double(), ToyCell(2).double()
    both = Bidirectional(forward_cell, backward_cell)
    told = None if lengths is None else torch.tensor(lengths)
    y, (ahead, back) = both(X, lengths=told, resets=RESETS)
    for row, length in enumerate(lengths or [5, 5, 5]):
        borders = [0, *(t for t in range(1, length) if RESETS[row, t]), length]
        parts = [X[row : row + 1, a:b] for a, b in pairwise(borders)]
        runs = [(forward_cell(part), backward_cell(part.flip(1))) for part in parts]
        expected = torch.cat([torch.cat([f[0], b[0].flip(1)], -1) for f, b in runs], 1)
        torch.testing.assert_close(y[row, :length], expected[0], rtol=0, atol=1e-14)
        torch.testing.assert_close(ahead.h[row], runs[-1][0][1].h[0], rtol=0, atol=1e-14)
        torch.testing.assert_close(back.h[row], runs[0][1][1].h[0], rtol=0, atol=1e-14)
        assert not y[row, length:].any()


def test_no_gradient_crosses_a_border():
    x = X.clone().requires_grad_()
    y, _ = made()(x, resets=RESETS)
    y[0, 3].sum().backward()
    assert not x.grad[0, :2].any()
    assert x.grad[0, 2:4].all()


def test_without_resets_nothing_changes():
    cell = made()
    y, _ = cell(X)
    assert torch.equal(y, cell(X, resets=torch.zeros(3, 5, dtype=torch.bool))[0])


def test_every_sequence_in_a_row_has_a_mask_of_its_own():
    torch.manual_seed(0)
    cell = RecurrentDropout(ToyCell(200), inputs=0.5).train()
    resets = torch.tensor([[False, True, False]])
    _, first = cell(torch.ones(1, 1, 200), resets=resets[:, :1])
    _, second = cell(torch.ones(1, 1, 200), first, resets=resets[:, 1:2])
    _, third = cell(torch.ones(1, 1, 200), second, resets=resets[:, 2:])
    assert not torch.equal(first.inputs, second.inputs)
    assert torch.equal(second.inputs, third.inputs)


@pytest.mark.parametrize(
    ("resets", "told"),
    [
        (RESETS[:, :4], r"resets must be \(3, 5\) of torch.bool, got \(3, 4\) of torch.bool"),
        (RESETS[:1], r"got \(1, 5\) of torch.bool"),
        (RESETS.float(), r"got \(3, 5\) of torch.float32"),
        (RESETS.tolist(), r"resets must be a tensor \(3, 5\), got list"),
    ],
)
def test_wrong_resets_are_refused(resets, told):
    with pytest.raises(InvalidInput, match=f"^LearnedInitialState: .*{told}$"):
        made()(X, resets=resets)
    packed = pack_padded_sequence(X, torch.tensor([5, 5, 5]), batch_first=True)
    with pytest.raises(InvalidInput, match=f"^LearnedInitialState: .*{told}$"):
        made()(packed, resets=resets)
