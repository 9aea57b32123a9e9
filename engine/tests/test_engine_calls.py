"""Resets and states of every step at each level: as the steps are, and compiled once."""

import copy
import pickle
from functools import cache

import pytest
import torch
from engine_cells import Lstm, Memory, NoState, made
from engine_compare import FAST, assert_alike, drawn, results, with_gradients
from engine_toys import Joined
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import leaves, map_state, select, sequence
from recurra_engine import dispatch
from recurra_wrappers import LearnedInitialState

cell_of = cache(made)  # its compiled steps serve every example


@pytest.fixture
def traces(monkeypatch):
    """What has been traced since the test began."""
    seen, trace = [], dispatch._traced
    monkeypatch.setattr(dispatch, "_traced", lambda cell, *rest: (seen.append(cell), trace(cell, *rest))[1])
    return seen


def stepped(cell, x, state, lengths, resets):
    """Return y and the states of every step, by the definition."""
    outputs, states = [], []
    for t, x_t in enumerate(x.unbind(1)):
        live = t < lengths
        y, new = cell.step(x_t, select(resets[:, t], cell.initial_state(len(x)), state))
        state = select(live, new, state)
        outputs.append(torch.where(live[:, None], y, torch.zeros_like(y)))
        states.append(state)
    return torch.stack(outputs, 1), map_state(lambda *each: torch.stack(each, 1), *states)


def marks(rows, steps):
    return st.lists(st.lists(st.booleans(), min_size=steps, max_size=steps), min_size=rows, max_size=rows)


CALLED = [
    *((Lstm, level) for level in ("loop", *FAST)),
    *((Memory, level) for level in ("loop", "scan")),
    (NoState, "loop"),
    pytest.param(Memory, "native", marks=pytest.mark.slow),  # compiles for ten seconds
]


@pytest.mark.parametrize(("kind", "level"), CALLED)
@settings(max_examples=15)
@given(steps=st.sampled_from([1, 2, 7]), states=st.booleans(), ragged=st.booleans(), data=st.data())
def test_every_call_is_its_steps(kind, level, steps, states, ragged, data):
    cell, rows = cell_of(kind), 3
    x, state = drawn(cell, rows, steps)
    drawn_lengths = data.draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows))
    lengths = torch.tensor(drawn_lengths if ragged else [steps] * rows)
    resets = torch.tensor(data.draw(marks(rows, steps)))
    y, after = stepped(cell, x, state, lengths, resets)
    after = after if states else map_state(lambda leaf: leaf[:, -1], after)
    want = with_gradients(cell, x, state, y, after)
    got = results(cell, x, state, lengths if ragged else None, level, resets=resets, states=states)
    assert_alike(got, want)


RESETS = torch.tensor([[0, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0] * 6]).bool()


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("how", [{"resets": RESETS}, {"states": True}, {"resets": RESETS, "states": True}])
def test_a_second_call_traces_nothing(how, level, traces):
    cell = made(Lstm)
    x, state = drawn(cell)
    with sequence.using(level):
        cell(x, state, **how)
        cell(x, state, **how)
        cell(x * 2, state, lengths=torch.tensor([6, 0, 2, 4]), **how)
    (traced,) = traces
    assert [choice.level for ((_, choice),) in dispatch._choices[traced].values()] == [level]


@pytest.mark.parametrize("level", FAST)
def test_the_ordinary_call_is_not_traced_anew(level, traces):
    cell = made(Lstm)
    x, state = drawn(cell)
    with sequence.using(level):
        cell(x, state)
        cell(x, state, resets=RESETS, states=True)
        before = len(traces)
        cell(x, state)
    assert len(traces) == before == 2


def test_copies_have_made_nothing_and_states_of_dicts_hold_nothing_of_it():
    cell = made(Lstm)
    x, state = drawn(cell)
    expected, _ = cell(x, state, resets=RESETS)
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        with torch.no_grad():
            for weight in other.parameters():
                weight.zero_()
        assert not torch.allclose(other(x, state, resets=RESETS)[0], expected)
    assert set(cell.state_dict()) == {name for name, _ in cell.named_parameters()}


@pytest.mark.parametrize("level", FAST)
def test_a_learned_start_has_its_gradient_from_every_border(level):
    cell = LearnedInitialState(made(Lstm))
    x, state = drawn(cell)
    want = results(cell, x, state, resets=RESETS, states=True)
    assert_alike(results(cell, x, state, level=level, resets=RESETS, states=True), want)
    assert all(want[f"gradient of starts.{i}"].any() for i in range(2))


@pytest.mark.parametrize("level", ["loop", *FAST])
def test_autocast_keeps_the_dtypes_of_states_at_every_level(level):
    cell = made(Joined, dtype=torch.float32)
    x = torch.randn(4, 6, 3)
    with sequence.using(level), torch.autocast("cpu", torch.bfloat16):
        y, after = cell(x, resets=RESETS)
        more, states = cell(x, after, resets=RESETS, states=True)
    assert y.dtype == more.dtype == torch.bfloat16
    assert {leaf.dtype for _, leaf in leaves((after, states))} == {torch.float32}
