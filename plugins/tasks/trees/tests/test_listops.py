"""ListOps against a second, naive reading in plain Python, and its bounds."""

import statistics

import pytest
import torch

from recurra import InvalidOption
from recurra_trees.listops_task import ListOps
from recurra_trees.lists import DIGITS, applied

MIN, MAX, MED, SUM_MOD, END = range(11, 16)
FUNCTIONS = {
    MIN: min,
    MAX: max,
    MED: lambda values: int(statistics.median(values)),
    SUM_MOD: lambda values: sum(values) % 10,
}


def draw(task, batch_size=300, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def rows(batch):
    return [row[:n].tolist() for row, n in zip(batch.x, batch.lengths, strict=True)]


def answers(batch):
    assert torch.equal(batch.mask.int().argmax(1), batch.lengths - 1)
    return batch.target[batch.mask].tolist()


def _list(operator, tokens):
    arguments = []
    for token in tokens:
        if token == END:
            return operator, arguments
        arguments.append(token - 1 if token < MIN else _list(token, tokens))
    raise AssertionError("a list has no end")


def read_sequence(row):
    tokens = iter(row)
    found = _list(next(tokens), tokens)
    assert next(tokens, None) is None
    return found


def read_binary(row):
    """Apply operators to one argument after the other, by a stack; the end makes a list of them."""
    stack = []
    for token, arity in row:
        if arity == 0:
            stack.append(token - 1 if token < MIN else END if token == END else ("open", token, []))
            continue
        assert (token, arity) == (0, 2)
        right, (kind, operator, arguments) = stack.pop(), stack.pop()
        assert kind == "open"
        if right == END:
            stack.append((operator, arguments))
        else:
            stack.append(("open", operator, [*arguments, right]))
    (root,) = stack
    return root


def read_labelled(row):
    stack = []
    for token, arity in row:
        if arity == 0:
            stack.append(token - 1)
        else:
            stack[-arity:] = [(token, stack[-arity:])]
    (root,) = stack
    return root


READERS = {"sequence": read_sequence, "binary": read_binary, "labelled": read_labelled}


def value(tree):
    return tree if isinstance(tree, int) else FUNCTIONS[tree[0]]([value(part) for part in tree[1]])


def depth(tree):
    return -1 if isinstance(tree, int) else 1 + max(depth(part) for part in tree[1])


def widths(tree):
    return [] if isinstance(tree, int) else [len(tree[1])] + [n for part in tree[1] for n in widths(part)]


def read(**options):
    """Return the lists of a batch, which must be the same in every form, and their answers."""
    found, lengths = {}, {}
    for form, reader in READERS.items():
        batch = draw(ListOps(form=form, **options))
        found[form] = [reader(row) for row in rows(batch)]
        lengths[form], right = batch.lengths, answers(batch)
        assert found[form] == found["sequence"]
    assert torch.equal(lengths["binary"], 2 * lengths["sequence"] - 1)
    return found["binary"], right


@pytest.mark.parametrize("options", [{}, {"nesting": 0.7, "max_length": 30}, {"max_arguments": 2}])
def test_every_form_shows_the_list_whose_value_is_asked_for(options):
    trees, right = read(**options)
    assert [value(tree) for tree in trees] == right
    assert {tree[0] for tree in trees} == set(FUNCTIONS)
    assert max(depth(tree) for tree in trees) > 2


def cached_read(values):
    return torch.bincount(torch.tensor(values), minlength=DIGITS)[None]


@pytest.mark.parametrize(
    ("operator", "values", "result"),
    [
        (0, [4, 7], 4),
        (1, [2, 9, 4, 0], 9),
        (2, [2, 9, 4], 4),
        (2, [2, 9, 4, 7], 5),  # half-way between 4 and 7, rounded down
        (2, [3, 3], 3),
        (3, [9, 9, 9], 7),
        (3, [5, 5], 0),
    ],
)
def test_operators_by_hand(operator, values, result):
    assert applied(torch.tensor([operator]), cached_read(values)).tolist() == [result]


def test_the_example_of_the_docstring():
    example = (MAX, [2, 9, (MIN, [4, 7]), 0])
    assert value(example) == 9
    assert read_sequence([MAX, 3, 10, MIN, 5, 8, END, 1, END]) == example


def test_rows_keep_to_their_bounds():
    trees, _ = read(nesting=0.9, max_depth=2, max_arguments=3, max_length=25)
    batch = draw(ListOps(form="sequence", nesting=0.9, max_depth=2, max_arguments=3, max_length=25))
    assert max(depth(tree) for tree in trees) == 2
    assert {n for tree in trees for n in widths(tree)} == {2, 3}
    assert 20 < int(batch.lengths.max()) <= 25


@pytest.mark.parametrize("length", [4, 5, 9])
def test_the_shortest_bounds_leave_room_for_a_list(length):
    batch = draw(ListOps(form="sequence", nesting=1.0, max_length=length))
    assert int(batch.lengths.max()) == length
    trees = [read_sequence(row) for row in rows(batch)]
    assert [value(tree) for tree in trees] == answers(batch)


def test_no_row_is_shorter_than_asked_for():
    task = ListOps(form="sequence", min_length=60, max_length=80)
    batch = draw(task)
    assert (int(batch.lengths.min()) >= 60, int(batch.lengths.max()) <= 80) == (True, True)
    assert [value(read_sequence(row)) for row in rows(batch)] == answers(batch)


def test_without_nesting_lists_are_flat_and_their_sizes_uniform():
    batch = draw(ListOps(form="sequence", nesting=0.0), 4000)
    counts = torch.bincount(batch.lengths)[4:8]
    assert counts.tolist() == pytest.approx([1000] * 4, abs=5 * 28)  # five deviations
    assert (batch.x[:, 0] >= MIN).all()
    first = torch.bincount(batch.x[:, 1], minlength=11)[1:11]
    assert first.tolist() == pytest.approx([400] * 10, abs=5 * 19)


def test_the_share_of_nested_arguments_is_the_one_asked_for():
    batch = draw(ListOps(form="sequence", nesting=0.25, max_length=200, max_arguments=2), 2000)
    nested = (batch.x[:, 1] >= MIN).double().mean().item()
    assert nested == pytest.approx(0.25, abs=0.05)  # five deviations of 0.0097


def test_the_constant_answer_scores_as_much_on_other_lists():
    task = ListOps()
    share = torch.bincount(torch.tensor(answers(draw(task, 10000, seed=9)))).max().item() / 100
    known = task.baselines()["constant"]["accuracy_percent"]
    assert known == pytest.approx(share, abs=1.5)
    assert 10 < known < 13


def test_the_suite_is_twice_and_four_times_as_long():
    suite = ListOps(form="sequence", max_length=20).suite()
    assert list(suite) == ["length-4-to-20", "length-21-to-40", "length-41-to-80"]
    for task, (low, high) in zip(suite.values(), [(4, 20), (21, 40), (41, 80)], strict=True):
        lengths = draw(task).lengths
        assert low <= int(lengths.min()) <= int(lengths.max()) <= high
        assert task.input_kind == "tokens"


@pytest.mark.parametrize(("form", "places"), [("binary", 12), ("labelled", 45)])
def test_the_default_stack_of_a_tree_cell_has_room_for_the_whole_suite(form, places):
    for task in ListOps(form=form).suite().values():
        batch = draw(task, 500)
        inside = torch.arange(batch.x.shape[1]) < batch.lengths[:, None]
        waiting = torch.where(inside, 1 - batch.x[..., 1], 0).cumsum(1)
        assert int(waiting.max()) <= places < 64


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"min_length": 49},
            r"^ListOps: min_length = 49 must be at least 2 less than max_length = 50, so that",
        ),
        ({"max_length": 3}, "max_length"),
        ({"max_arguments": 1}, "max_arguments"),
        ({"nesting": 1.5}, "nesting"),
        ({"form": "prefix"}, "form"),
    ],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        ListOps(**options)
