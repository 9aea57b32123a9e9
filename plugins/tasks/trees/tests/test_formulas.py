"""Formulas against a second, naive reading in plain Python, their shapes, and their known values."""

import itertools
import operator

import pytest
import torch

from recurra import InvalidOption
from recurra_trees.arrange import arranged
from recurra_trees.formula_tasks import ArithmeticTrees, BooleanTrees
from recurra_trees.formulas import Formulas, evaluated, ranks_of, reach, symbols_of, value_shares

BOOLEAN = (2, [operator.and_, operator.or_, operator.xor])
ARITHMETIC = (5, [operator.add, operator.sub, operator.mul])
KINDS = [(BooleanTrees, *BOOLEAN), (ArithmeticTrees, *ARITHMETIC)]
SHAPES = ["random", "balanced", "left", "right"]


def draw(task, batch_size=50, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def answers(batch):
    assert batch.mask.sum(1).tolist() == [1] * len(batch.mask)
    assert torch.equal(batch.mask.int().argmax(1), batch.lengths - 1)
    return batch.target[batch.mask].tolist()


def nested(tokens, values, operators):
    """Read ( left operator right ): a nested tuple, or the value of a leaf."""
    token = next(tokens)
    if token != 1 + values + operators:
        return token - 1
    left = nested(tokens, values, operators)
    named = next(tokens) - 1 - values
    right = nested(tokens, values, operators)
    assert next(tokens) == 2 + values + operators
    return left, named, right


def from_tree(rows, values, form):
    """Read a tree in post-order with a stack."""
    stack = []
    for token, arity in rows:
        if arity == 0:
            stack.append(token - 1 if token <= values else ("operator", token - 1 - values))
            continue
        assert arity == 2
        right, left = stack.pop(), stack.pop()
        if form == "labelled":
            stack.append((left, token - 1 - values, right))
        elif isinstance(right, tuple) and right[0] == "operator":
            assert token == 0
            stack.append(("applied", left, right[1]))
        else:
            assert token == 0
            assert left[0] == "applied"
            stack.append((*left[1:], right))
    (root,) = stack
    return root


def value(tree, values, functions):
    if isinstance(tree, int):
        return tree
    left, named, right = tree
    return functions[named](value(left, values, functions), value(right, values, functions)) % values


def leaves(tree):
    return 1 if isinstance(tree, int) else leaves(tree[0]) + leaves(tree[2])


def depth(tree):
    return 0 if isinstance(tree, int) else 1 + max(depth(tree[0]), depth(tree[2]))


def read(kind, values, functions, **options):
    """Return the formulas of a batch, which must be the same in every form, and their answers."""
    found = {}
    for form in ("sequence", "labelled", "binary"):
        batch = draw(kind(form=form, **options))
        rows = [row[:n].tolist() for row, n in zip(batch.x, batch.lengths, strict=True)]
        if form == "sequence":
            each = [iter(row) for row in rows]
            found[form] = [nested(tokens, values, len(functions)) for tokens in each]
            assert all(next(tokens, None) is None for tokens in each)
        else:
            found[form] = [from_tree(row, values, form) for row in rows]
        assert found[form] == found["sequence"]
        n = [leaves(tree) for tree in found[form]]
        assert batch.lengths.tolist() == [2 * k - 1 if form == "labelled" else 4 * k - 3 for k in n]
        right = answers(batch)
    return found["binary"], right


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kind", "values", "functions"), KINDS)
def test_every_form_shows_the_formula_whose_value_is_asked_for(kind, values, functions, shape):
    trees, right = read(kind, values, functions, shape=shape, min_leaves=1, max_leaves=9)
    assert [value(tree, values, functions) for tree in trees] == right
    assert {leaves(tree) for tree in trees} == set(range(1, 10))


def test_a_formula_worked_out_by_hand():
    # (3 * 4) - (2 + 4) = 12 - 6 = 6, which is 1 modulo 5: balanced, as 2 and 2 leaves.
    ranks = ranks_of("balanced", 4)[4:]
    leaves, operators = torch.tensor([[3, 4, 2, 4]]), torch.tensor([[2, 1, 0]])
    formulas = Formulas(torch.tensor([4]), leaves, operators, ranks, *reach(ranks))
    assert evaluated(formulas, ArithmeticTrees().table).tolist() == [1]
    shown, lengths = arranged(symbols_of(formulas, "sequence", 5, 3))
    # tokens: 1 to 5 are 0 to 4; 6, 7, 8 are + - *; 9 and 10 brackets
    assert shown[0, :, 0].tolist() == [9, 9, 4, 8, 5, 10, 7, 9, 3, 6, 5, 10, 10]
    assert lengths.tolist() == [13]
    labelled, _ = arranged(symbols_of(formulas, "labelled", 5, 3))
    assert labelled[0].tolist() == [[4, 0], [5, 0], [8, 2], [3, 0], [5, 0], [6, 2], [7, 2]]
    binary, _ = arranged(symbols_of(formulas, "binary", 5, 3))
    assert binary[0].tolist() == [
        *([4, 0], [8, 0], [0, 2], [5, 0], [0, 2], [7, 0], [0, 2]),
        *([3, 0], [6, 0], [0, 2], [5, 0], [0, 2], [0, 2]),
    ]


@pytest.mark.parametrize(("shape", "depths"), [("left", 8), ("right", 8), ("balanced", 4)])
def test_shapes_are_as_deep_as_their_names_say(shape, depths):
    trees, _ = read(BooleanTrees, *BOOLEAN, shape=shape, min_leaves=9, max_leaves=9)
    assert {depth(tree) for tree in trees} == {depths}
    side = {"left": 2, "right": 0}.get(shape)
    assert side is None or all(isinstance(tree[side], int) for tree in trees)


def test_left_sides_of_random_trees_are_uniform_and_so_are_sizes():
    task = BooleanTrees(form="sequence", min_leaves=5, max_leaves=5)
    batch = draw(task, 4000)
    trees = [nested(iter(row), 2, 3) for row in batch.x.tolist()]
    counts = torch.bincount(torch.tensor([leaves(tree[0]) for tree in trees]))[1:]
    assert counts.tolist() == pytest.approx([1000] * 4, abs=5 * 28)  # five deviations
    sizes = torch.bincount(draw(BooleanTrees(form="labelled", max_leaves=4), 3000).lengths)[[3, 5, 7]]
    assert sizes.tolist() == pytest.approx([1000] * 3, abs=5 * 26)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_constant_answer_scores_what_is_counted(shape):
    task = ArithmeticTrees(shape=shape, min_leaves=2, max_leaves=7)
    found = torch.bincount(torch.tensor(answers(draw(task, 20000))), minlength=5) / 20000
    shares = value_shares(shape, 7, task.table)[2:].mean(0)
    assert found.tolist() == pytest.approx(shares.tolist(), abs=0.016)  # five deviations
    assert task.baselines()["constant"]["accuracy_percent"] == pytest.approx(100 * float(shares.max()))


def test_known_shares_of_values():
    # Of two leaves, 25 pairs: 0 comes 5 times by +, 5 by −, 9 by *; any other 5, 5 and 4 times.
    shares = value_shares("random", 2, ArithmeticTrees().table)[2]
    assert shares.tolist() == pytest.approx([19 / 75] + [14 / 75] * 4)
    assert BooleanTrees().baselines()["constant"]["accuracy_percent"] == pytest.approx(50)
    # Two leaves: and is true once of four, or three times, xor twice.
    assert value_shares("left", 9, BooleanTrees().table)[9].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("kind", [BooleanTrees, ArithmeticTrees])
def test_the_suite_has_larger_formulas_and_chains(kind):
    suite = kind(form="sequence", max_leaves=4).suite()
    names = ["leaves-4", "leaves-8", "leaves-16", "left-depth-7", "right-depth-7"]
    assert list(suite) == names
    assert [draw(task, 3).lengths.tolist() for task in suite.values()] == [
        [13] * 3,
        [29] * 3,
        [61] * 3,
        [29] * 3,
        [29] * 3,
    ]
    chain = nested(iter(draw(suite["right-depth-7"], 1).x[0].tolist()), kind().values, kind().operators)
    assert depth(chain) == 7
    assert "left-depth-7" not in kind(shape="left", max_leaves=4).suite()


def test_a_wrong_answer_counts_and_a_wrong_step_before_it_does_not():
    task = ArithmeticTrees()
    batch = draw(task, 4)
    y = task.oracle(batch)
    assert task.scores(y, batch)["accuracy_percent"].value == 100
    y[0, : int(batch.lengths[0]) - 1] = y[0, : int(batch.lengths[0]) - 1].roll(1, -1)
    assert task.scores(y, batch)["accuracy_percent"].value == 100
    y[1] = y[1].roll(1, -1)
    assert task.scores(y, batch)["accuracy_percent"].value == 75


@pytest.mark.parametrize(("form", "gives"), [("binary", "token-trees"), ("sequence", "tokens")])
def test_what_is_given_follows_the_form(form, gives):
    task = BooleanTrees(form=form)
    assert (task.input_kind, task.input_size, task.output_size) == (gives, 8, 2)
    assert draw(task).x.dtype == torch.int64
    assert BooleanTrees().input_kind == "token-trees"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"min_leaves": 5, "max_leaves": 2}, "^BooleanTrees: min_leaves = 5 must not exceed max_leaves = 2$"),
        ({"max_leaves": 1}, "max_leaves"),
        ({"form": "prefix"}, "form"),
        ({"shape": "bushy"}, "shape"),
    ],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        BooleanTrees(**options)


def test_operators_are_uniform():
    task = ArithmeticTrees(form="sequence", min_leaves=2, max_leaves=2)
    used = draw(task, 3000).x[:, 2]
    assert [int((used == 6 + k).sum()) for k in range(3)] == pytest.approx([1000] * 3, abs=5 * 26)
    pairs = set(itertools.product(range(1, 6), repeat=2))
    assert set(map(tuple, draw(task, 3000).x[:, [1, 3]].tolist())) == pairs
