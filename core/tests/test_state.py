"""States as trees of tensors: mapping, naming, detaching, selecting."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import InvalidInput
from recurra.state import NoState, detach, leaves, map_state, select


class Inner(NamedTuple):
    M: torch.Tensor
    w: torch.Tensor


class Outer(NamedTuple):
    memory: Inner
    stack: tuple


def tree(fill=0.0):
    full = [torch.full(size, float(fill)) for size in [(2, 3, 4), (2, 3), (2,), (2, 1)]]
    return Outer(Inner(full[0], full[1]), (full[2], (full[3], NoState())))


def test_leaves_are_named_by_field_and_by_place():
    assert [name for name, _ in leaves(tree())] == [
        *("state.memory.M", "state.memory.w", "state.stack.0", "state.stack.1.0")
    ]
    assert next(name for name, _ in leaves(tree(), "carried")) == "carried.memory.M"
    assert [name for name, _ in leaves(torch.zeros(1))] == ["state"]
    assert list(leaves(NoState())) == []


@pytest.mark.parametrize("wrong", [[torch.zeros(1)], {"h": torch.zeros(1)}, None, 3.0])
def test_only_tensors_and_tuples_are_states(wrong):
    told = f"state.1 must be a tensor or a tuple of states, got {type(wrong).__name__}"
    with pytest.raises(InvalidInput, match=told):
        list(leaves((torch.zeros(1), wrong)))


def test_map_keeps_the_structure_and_its_types():
    mapped = map_state(torch.add, tree(1), tree(2))
    assert type(mapped) is Outer
    assert type(mapped.memory) is Inner
    assert type(mapped.stack) is tuple
    assert mapped.stack[1][1] == NoState()
    assert all((leaf == 3).all() for _, leaf in leaves(mapped))


def test_map_refuses_two_structures():
    with pytest.raises(ValueError, match="shorter"):
        map_state(torch.add, (torch.zeros(1), torch.zeros(1)), (torch.zeros(1),))


def test_detach_cuts_every_leaf_and_changes_no_value():
    state = map_state(lambda leaf: (leaf + 1).requires_grad_() * 2, tree())
    cut = detach(state)
    assert not any(leaf.requires_grad for _, leaf in leaves(cut))
    assert all((leaf == 2).all() for _, leaf in leaves(cut))


@settings(deadline=None)
@given(live=st.lists(st.booleans(), min_size=2, max_size=2))
def test_select_takes_new_rows_where_live(live):
    chosen = select(torch.tensor(live), tree(1), tree(0))
    for _, leaf in leaves(chosen):
        for row, alive in zip(leaf, live, strict=True):
            assert (row == float(alive)).all()
