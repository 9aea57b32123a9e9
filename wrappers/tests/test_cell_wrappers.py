"""Wrappers around one cell that draw or learn: variational dropout, zoneout and the learned start."""

from typing import NamedTuple

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from recurra.cell import Cell, Tags
from recurra.errors import IncompatibleParts, InvalidOption
from recurra.state import leaves, map_state
from recurra_contract import Identity, ToyCell
from recurra_wrappers import (
    Bidirectional,
    LayerNormalised,
    LearnedInitialState,
    RecurrentDropout,
    Zoneout,
)


class Inner(NamedTuple):
    h: torch.Tensor
    steps: torch.Tensor


class NestedState(NamedTuple):
    inner: Inner
    c: torch.Tensor


class Counter(Cell[NestedState]):
    """h' = x + h, c' = 10 c + 1, and an integer that counts; y = h', which is a tensor of the state."""

    def __init__(self, input_size, *, start: float = 0.0):
        super().__init__(input_size, input_size)
        self.start = start

    def initial_state(self, batch_size):
        h = self.zeros(batch_size, self.output_size) + self.start
        return NestedState(
            Inner(h, torch.zeros(batch_size, dtype=torch.int64)), self.zeros(batch_size, 1) + 2
        )

    def step(self, x, state):
        h = x + state.inner.h
        return h, NestedState(Inner(h, state.inner.steps + 1), 10 * state.c + 1)

    def auxiliary_loss(self, state):
        return state.c[:, 0]

    def diagnostics(self, state):
        return {"c": state.c}


class Trees(Identity):
    tags = Tags(input_kind="trees")


AROUND = {
    "dropout": lambda cell: RecurrentDropout(cell, inputs=0.5),
    "zoneout": lambda cell: Zoneout(cell, p=0.5),
    "start": LearnedInitialState,
}


@pytest.mark.parametrize("wrap", AROUND.values(), ids=AROUND)
def test_losses_views_and_promises_are_those_of_the_cell(wrap):
    cell = wrap(Counter(2))
    _, state = cell(torch.zeros(3, 1, 2))
    inner = state.cell if isinstance(cell, RecurrentDropout) else state
    assert torch.equal(cell.auxiliary_loss(state), inner.c[:, 0])
    assert torch.equal(cell.diagnostics(state)["c"], inner.c)
    assert cell.tags.stochastic == isinstance(cell, RecurrentDropout | Zoneout)
    assert Counter.tags == Tags()


@pytest.mark.parametrize("wrap", AROUND.values(), ids=AROUND)
def test_what_cannot_be_stepped_is_refused(wrap):
    with pytest.raises(IncompatibleParts, match=r"expected a cell, which has a `step`, got Bidirectional$"):
        wrap(Bidirectional(Identity(2), Identity(2)))


@pytest.mark.parametrize("wrapper", [Zoneout, LearnedInitialState])
def test_a_state_that_is_not_there_is_refused_by_name(wrapper):
    told = (
        f"^{wrapper.__name__}: only = 'inner.g': the state of Counter has inner.h, c; did you mean 'inner.h'"
    )
    with pytest.raises(InvalidOption, match=told):
        wrapper(Counter(2), only=("inner.g",))
    with pytest.raises(InvalidOption, match=r"only = 'inner\.steps'"):  # integer tensors cannot be named
        wrapper(Counter(2), only=("inner.steps",))
    with pytest.raises(IncompatibleParts, match=r"Identity has no floating-point state$"):
        wrapper(Identity(2))


# Variational dropout


def test_a_mask_holds_for_a_sequence_and_lies_in_the_state():
    torch.manual_seed(0)
    cell = RecurrentDropout(Identity(200), inputs=0.3, outputs=0.2).train()
    y, state = cell(torch.ones(50, 4, 200))
    seen = state.inputs & state.outputs
    assert torch.equal(y, (seen[:, None] / 0.7 / 0.8).expand_as(y))
    for mask, p in ((state.inputs, 0.3), (state.outputs, 0.2)):
        assert abs((~mask).double().mean().item() - p) < 4 * (p * (1 - p) / 10_000) ** 0.5
    assert not torch.equal(state.inputs[0], state.inputs[1])


def test_named_states_are_dropped_before_every_step():
    cell = RecurrentDropout(Counter(1), states=0.5, only=("inner",)).train()
    start = cell.initial_state(2)
    start = start._replace(states=(torch.tensor([[True], [False]]),))
    y, end = cell(torch.ones(2, 3, 1), start)
    # seen: h' = 1 + 2 h gives 1, 3, 7; dropped: 1 each time. c is not named, and counts on: 2, 21, 211, 2111.
    assert y[..., 0].tolist() == [[1.0, 3.0, 7.0], [1.0, 1.0, 1.0]]
    assert end.cell.c[:, 0].tolist() == [2111.0, 2111.0]
    assert end.cell.inner.steps.tolist() == [3, 3]


def test_evaluation_drops_nothing_and_draws_nothing():
    cell = RecurrentDropout(Counter(2), inputs=0.5, outputs=0.5, states=0.5, only=("inner.h",))
    x, masked = torch.rand(3, 4, 2), cell.train().initial_state(3)
    before = torch.get_rng_state()
    expected, _ = Counter(2)(x)
    assert torch.equal(cell.eval()(x)[0], expected)
    assert torch.equal(cell(x, masked)[0], expected)
    assert all(mask.all() for mask in (cell.initial_state(3).inputs, *cell.initial_state(3).states))
    assert torch.equal(torch.get_rng_state(), before)


def test_tensors_that_are_named_for_nothing_are_refused():
    told = "^RecurrentDropout: only = inner, c needs states, the probability of dropping an element of them$"
    with pytest.raises(InvalidOption, match=told):
        RecurrentDropout(Counter(2), inputs=0.5, only=("inner", "c"))
    told = "^Zoneout: only = c needs p, the probability of keeping the old value of an element of them$"
    with pytest.raises(InvalidOption, match=told):
        Zoneout(Counter(2), only=("c",))
    with pytest.raises(InvalidOption, match=r"^LayerNormalised: only = c needs states = true$"):
        LayerNormalised(Counter(2), only=("c",))


def test_a_state_that_goes_on_draws_no_masks():
    cell = RecurrentDropout(ToyCell(3), inputs=0.5, states=0.5, only=("h",)).train()
    x = torch.randn(2, 4, 3)
    _, state = cell(x)
    before = torch.get_rng_state()
    for rows in (2, 1):
        cell(x[:rows], map_state(lambda part, rows=rows: part[:rows], state))
    assert torch.equal(torch.get_rng_state(), before)


def test_training_goes_on_after_a_cut_and_packs_as_if_whole():
    torch.manual_seed(0)
    cell, x, lengths = RecurrentDropout(ToyCell(3), inputs=0.5, outputs=0.5), torch.rand(3, 5, 3), [5, 2, 4]
    start = cell.initial_state(3)
    y, end = cell(x, start, lengths=torch.tensor(lengths))
    first, state = cell(x[:, :2], start)
    rest, _ = cell(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, rest], 1)[0], y[0])
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    _, end_packed = cell(packed, start)
    for (_, a), (_, b) in zip(leaves(end_packed), leaves(end), strict=True):
        torch.testing.assert_close(a, b)


def test_a_seed_gives_the_same_masks_and_another_seed_others():
    cell, runs = RecurrentDropout(Identity(30), inputs=0.5).train(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(cell(torch.ones(2, 3, 30))[0])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_dropout_of_states_must_say_which():
    told = r"^RecurrentDropout: states = 0.5 needs only, .*; Counter has inner.h, c$"
    with pytest.raises(InvalidOption, match=told):
        RecurrentDropout(Counter(2), states=0.5)
    with pytest.raises(InvalidOption, match=r"^RecurrentDropout: inputs = 1.0: "):
        RecurrentDropout(Counter(2), inputs=1.0)


def test_the_channels_of_a_tree_are_not_dropped():
    with pytest.raises(IncompatibleParts, match=r"^RecurrentDropout: the inputs of a cell that reads trees"):
        RecurrentDropout(Trees(2), inputs=0.1)
    assert RecurrentDropout(Trees(2), outputs=0.1).tags == Tags(input_kind="trees", stochastic=True)


# Zoneout


def test_zoneout_mixes_by_expectation_in_evaluation():
    y, state = Zoneout(Counter(1), p=0.25).eval()(torch.ones(1, 2, 1))
    # h: 3/4 (1 + 0) = 0.75, then 1/4 0.75 + 3/4 1.75 = 1.5; c: 1/4 2 + 3/4 21 = 16.25, then 126.6875
    assert y[0, :, 0].tolist() == [0.75, 1.5]  # y is h, so it is what h became
    assert (state.inner.h.item(), state.c.item(), state.inner.steps.item()) == (1.5, 126.6875, 2)


def test_zoneout_keeps_old_numbers_in_training():
    torch.manual_seed(0)
    cell = Zoneout(Counter(100), p=0.3, only=("inner.h",)).train()
    y, state = cell(torch.ones(100, 1, 100))
    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(y[:, 0], state.inner.h)
    assert abs((y == 0).double().mean().item() - 0.3) < 4 * (0.3 * 0.7 / 10_000) ** 0.5
    assert state.c.unique().tolist() == [21.0]
    after, _ = cell(torch.ones(100, 1, 100), state)
    kept_first, kept_then = y == 0, after == y
    assert not torch.equal(kept_first, kept_then)  # drawn anew at every step
    assert cell.tags.stochastic
    assert not Zoneout(Counter(2)).tags.stochastic


def test_tensors_may_have_different_probabilities():
    cell = Zoneout(Zoneout(Counter(1), p=0.5, only=("c",)), p=0.25, only=("inner",)).eval()
    y, state = cell(torch.ones(1, 1, 1))
    assert (y.item(), state.inner.h.item(), state.c.item()) == (0.75, 0.75, (2 + 21) / 2)


def test_the_gradient_of_what_is_kept_goes_to_the_old_state():
    torch.manual_seed(0)
    cell, x = Zoneout(Counter(50), p=0.5).train(), torch.ones(1, 1, 50, requires_grad=True)
    y, _ = cell(x)
    y.sum().backward()
    assert torch.equal(x.grad, (y != 0).float())


# A learned start


def test_every_tensor_of_real_numbers_starts_as_the_cell_does_and_learns():
    cell = LearnedInitialState(Counter(2, start=0.5))
    assert [tuple(p.shape) for p in cell.parameters()] == [(2,), (1,)]
    assert torch.equal(cell(torch.ones(3, 2, 2))[0], Counter(2, start=0.5)(torch.ones(3, 2, 2))[0])
    start = cell.initial_state(3)
    assert (start.inner.h.tolist(), start.c.tolist()) == ([[0.5, 0.5]] * 3, [[2.0]] * 3)
    assert start.inner.steps.dtype == torch.int64
    y, end = cell(torch.ones(3, 2, 2))
    (y.sum() + end.c.sum()).backward()
    # d y / d h_0 is 1 at each of 2 steps in 3 rows; d c'' / d c_0 = 100 in 3 rows
    assert [p.grad.tolist() for p in cell.parameters()] == [[6.0, 6.0], [300.0]]


def test_only_what_is_named_learns():
    cell = LearnedInitialState(Counter(2), only=("c",))
    assert [tuple(p.shape) for p in cell.parameters()] == [(1,)]


def test_masks_are_no_start_to_learn_and_nothing_to_keep():
    cell = Zoneout(LearnedInitialState(RecurrentDropout(Counter(2), inputs=0.5)), p=0.9).train()
    assert [tuple(p.shape) for p in cell.parameters()] == [(2,), (1,)]
    start = cell.initial_state(4)
    _, end = cell.step(torch.ones(4, 2), start)
    assert torch.equal(end.inputs, start.inputs)
