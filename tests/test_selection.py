"""What the fast tests draw: every name, few pairs, and the same ones whatever else is installed."""

import itertools

import pytest

from recurra.errors import IncompatibleParts
from selection import accepted, at_most, drawn, every_pair, order

TASKS = [f"task-{n}" for n in range(40)]
CELLS = [f"cell-{n}" for n in range(15)]


def fast(parameters):
    return {parameter.values for parameter in parameters if not parameter.marks}


def test_the_hash_is_the_same_on_every_machine():
    assert order("copy", "lstm").hex() == "1a81a19220d7fec3"
    assert order("a", "bc") != order("ab", "c")


def test_every_name_is_drawn_and_few_pairs_are():
    found = drawn(itertools.product(TASKS, CELLS))
    assert {task for task, _ in found} == set(TASKS)
    assert {cell for _, cell in found} == set(CELLS)
    assert len(found) <= len(TASKS) + len(CELLS)


def test_a_new_name_replaces_nothing_but_with_itself():
    before = drawn(itertools.product(TASKS, CELLS))
    after = drawn(itertools.product(TASKS, [*CELLS, "new"]))
    assert {cell for _, cell in after - before} == {"new"}
    assert len(before - after) < len(before) / 4


def test_all_pairs_are_parameters_and_the_others_are_slow():
    found = every_pair(TASKS, CELLS)
    assert [parameter.values for parameter in found] == list(itertools.product(TASKS, CELLS))
    assert fast(found) == drawn(itertools.product(TASKS, CELLS))


def joined(task, cell):
    if cell in CELLS[::2]:
        raise IncompatibleParts(f"{cell} is even")
    return task + cell


def test_pairs_are_tried_in_the_order_of_their_hash_until_some_are_built():
    pairs = [(TASKS[0], cell) for cell in CELLS]
    odd = sorted((pair for pair in pairs if pair[1] in CELLS[1::2]), key=lambda pair: order(*pair))
    assert list(accepted(pairs, joined, 3)) == [(pair, "".join(pair)) for pair in odd[:3]]
    assert len(list(accepted(pairs, joined, 99))) == len(odd)


def test_where_all_are_refused_the_test_is_skipped():
    with pytest.raises(pytest.skip.Exception, match="cell-0 is even"):
        list(accepted([(task, CELLS[0]) for task in TASKS], joined, 1))


def test_beyond_a_number_of_names_the_others_are_slow():
    assert fast(at_most(3, CELLS)) == {(name,) for name in sorted(CELLS, key=order)[:3]}
    assert len(at_most(3, CELLS)) == len(CELLS)
    assert fast(at_most(3, CELLS[:2])) == {(name,) for name in CELLS[:2]}
