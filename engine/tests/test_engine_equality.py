"""Every level is the loop: the usual cells at sizes that straddle vectors and blocks, and odd steps."""

from functools import cache

import pytest
import torch
from engine_cells import ODD, USUAL, Lstm, Memory, Multiplicative, made
from engine_compare import FAST, assert_alike, assert_level_is_loop, assert_runs, drawn, results
from engine_toys import Kinks, Peephole
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recurra import leaves, map_state, sequence

cell_of = cache(made)  # its compiled steps serve every example


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [*USUAL, *ODD])
def test_a_step_of_this_kind_runs_at_this_level(kind, level):
    cell = cell_of(kind)
    x, state = drawn(cell)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, level=level)
    assert_level_is_loop(cell, x, state, torch.tensor([0, 6, 1, 4]), level)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [*USUAL, *ODD])
def test_without_gradients(kind, level):
    cell = cell_of(kind)
    x, state = drawn(cell)
    with torch.no_grad():
        assert_runs(cell, x, state, level)
        assert_level_is_loop(cell, x, state, level=level)
        assert_level_is_loop(cell, x, state, torch.tensor([0, 6, 1, 4]), level)


SLOW = pytest.mark.slow
SIZES = [
    (Lstm, 1, 3),
    (Lstm, 17, 17),
    (Lstm, 33, 33),
    (Memory, 17, 19),
    pytest.param(Lstm, 3, 1, marks=SLOW),
    pytest.param(Memory, 1, 1, marks=SLOW),
]
"""Kind, hidden size and input size; beyond 16 products are moved out of the loop, and done by blocks."""


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind, hidden_size, input_size", SIZES)  # noqa: PT006
@settings(max_examples=15)
@given(
    batch=st.sampled_from([1, 2, 7, 17]),
    steps=st.sampled_from([0, 1, 2, 13]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_sizes_and_lengths(kind, hidden_size, input_size, level, batch, steps, seed, data):
    cell = cell_of(kind, hidden_size, input_size)
    x, state = drawn(cell, batch, steps, seed)
    lengths = data.draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch))
    lengths = None if lengths is None else torch.tensor(lengths)
    if steps:
        assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, lengths, level)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [Kinks, Peephole, pytest.param(Memory, marks=SLOW)])
def test_single_precision_of_other_kinds(kind, level):
    cell = cell_of(kind, None, 3, torch.float32)
    x, state = drawn(cell, 4, 9)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, torch.tensor([9, 0, 4, 1]), level, 1e-5)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [Memory, Peephole])
def test_nan_in_the_padding_harms_nothing(kind, level):
    cell = cell_of(kind)
    x, state = drawn(cell)
    lengths = torch.tensor([6, 2, 0, 5])
    want = results(cell, x, state, lengths)
    hole = torch.arange(6)[:, None] >= lengths[:, None, None]
    x = x.detach().masked_fill(hole, torch.nan).requires_grad_()
    assert_alike(results(cell, x, state, lengths, level), want)


@pytest.mark.parametrize("level", FAST)
@settings(max_examples=10)
@given(batch=st.sampled_from([1, 7, 17, 40]), steps=st.sampled_from([1, 2, 13]), seed=st.integers(0, 99))
@example(batch=40, steps=13, seed=0)
def test_single_precision(level, batch, steps, seed):
    cell = cell_of(Multiplicative, 33, 17, torch.float32)
    x, state = drawn(cell, batch, steps, seed)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, level=level, tolerance=1e-5)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize(("batch", "steps"), [(0, 5), (0, 0), (3, 0)])
def test_nothing_to_run(level, batch, steps):
    cell = cell_of(Lstm)
    x, state = drawn(cell, batch, steps)
    assert_level_is_loop(cell, x, state, level=level)
    assert_level_is_loop(cell, x, state, torch.zeros(batch, dtype=torch.int64), level)


LAYOUTS = {
    "time first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "every other number": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "every other row": lambda x: x.repeat_interleave(2, 0)[::2],
    "every other step": lambda x: x.repeat_interleave(2, 1)[:, ::2],
    "channels before time": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "a part of a larger one": lambda x: torch.nn.functional.pad(x, (1, 2, 3, 4))[:, 3:-4, 1:-2],
    "one row for all": lambda x: x[:1].expand(x.shape),
    "one step for all": lambda x: x[:, :1].expand(x.shape),
}


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("input_size", [3, 17])
def test_inputs_and_states_in_any_layout(layout, level, input_size):
    cell = cell_of(Lstm, input_size, input_size)
    x, state = drawn(cell)
    strange = lambda tensor: LAYOUTS[layout](tensor.detach()).requires_grad_()  # noqa: E731
    odd_rows = lambda part: part.detach().T.contiguous().T.requires_grad_()  # noqa: E731
    x, state = strange(x), map_state(odd_rows, state)
    plain = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
    assert_runs(cell, x, state, level)
    assert_alike(results(cell, x, state, level=level), results(cell, plain, state))


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("slope", ["one number for all", "time first", "every other number"])
def test_gradients_that_come_in_any_layout(level, slope):
    cell = cell_of(Lstm)
    found = {}
    for name in ("loop", level):
        x, state = drawn(cell)
        with sequence.using(name):
            y, _ = cell(x, state)
        given = torch.ones((), dtype=y.dtype).expand(y.shape)
        given = given if slope == "one number for all" else LAYOUTS[slope](y.detach().sin())
        found[name] = dict(
            enumerate(torch.autograd.grad(y, [x, *cell.parameters()], given, allow_unused=True))
        )
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("part", ["y", "final.h", "final.c"])
def test_a_loss_of_one_result_alone(part, level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        with sequence.using(name):
            y, after = cell(x, state, lengths=torch.tensor([6, 0, 3, 6]))
        value = {"y": y, **dict(leaves(after, "final"))}[part]
        wanted = [x, *state, *cell.parameters()]
        found[name] = dict(enumerate(torch.autograd.grad(value.sum(), wanted, allow_unused=True)))
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_the_initial_state_without_being_given(level):
    cell = cell_of(Memory)
    x, _ = drawn(cell)
    with sequence.using(level):
        y, after = cell(x)
    with sequence.using("loop"):
        want, final = cell(x)
    assert_alike({"y": y, **dict(leaves(after))}, {"y": want, **dict(leaves(final))})
