"""The word problem, with groups that are checked by the axioms and products that are worked one by one."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidOption, Ref
from recurra_formal_languages.groups import product_table, running_products
from recurra_formal_languages.word_problem import WordProblem
from recurra_lab import Model, evaluate
from recurra_lab.training.batches import Batches

ORDERS = {"Z2": 2, "Z60": 60, "S3": 6, "S4": 24, "A4": 12, "A5": 60, "S5": 120, "A4xZ5": 60, "Z2xZ3xS3": 36}


def inverses(table):
    return (table == 0).int().argmax(1)


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_the_table_is_that_of_a_group(name, order):
    table = product_table(name)
    n = torch.arange(order)
    assert table.shape == (order, order)
    assert torch.equal(table[0], n)
    assert torch.equal(table[:, 0], n)
    for lines in (table, table.T):  # each row and column holds every element: inverses exist
        assert torch.equal(lines.sort(1).values, n.expand(order, -1))
    assert torch.equal(table[table], table[:, table])  # (a b) c = a (b c)


def generated(table, elements):
    """The subgroup that elements generate, by adding products until there are no more."""
    found = {0, *elements}
    while True:
        more = {int(table[a, b]) for a, b in itertools.product(found, elements)} - found
        if not more:
            return found
        found |= more


def commutators(table, elements):
    inverse = inverses(table)
    e = torch.tensor(sorted(elements))
    a, b = e[:, None], e[None]
    return set(table[table[a, b], table[inverse[a], inverse[b]]].flatten().tolist())


def derived_series(name):
    """The orders of G, its commutator subgroup, that one's, and so on, until they stay the same."""
    table = product_table(name)
    group, orders = set(range(len(table))), []
    while not orders or len(group) < orders[-1]:
        orders.append(len(group))
        group = generated(table, commutators(table, group))
    return orders


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        ("Z60", [60, 1]),
        ("S3", [6, 3, 1]),
        ("S4", [24, 12, 4, 1]),
        ("A4xZ5", [60, 4, 1]),
        ("A5", [60]),  # its own commutator subgroup: not solvable
        ("S5", [120, 60]),
    ],
)
def test_only_a5_and_s5_are_not_solvable(name, orders):
    assert derived_series(name) == orders


def test_three_permutations_by_hand():
    # 0 = 012, 1 = 021, 2 = 102, 3 = 120, 4 = 201, 5 = 210: 021 after 102 is 201, and that after 120 is 012.
    table = product_table("S3")
    assert table[1, 2].item() == 4
    assert running_products(table, torch.tensor([[1, 2, 3]])).tolist() == [[1, 4, 0]]


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(ORDERS)), length=st.integers(1, 40), seed=st.integers(0, 999))
def test_products_are_those_one_after_the_other(name, length, seed):
    task = WordProblem(group=name, length=length, longest=length)
    batch = task.sample(3, torch.Generator().manual_seed(seed))
    table = product_table(name).tolist()
    for word, target in zip(batch.x.tolist(), batch.target.tolist(), strict=True):
        assert target == list(itertools.accumulate(word, lambda a, b: table[a][b]))
    assert batch.mask.all()
    assert batch.lengths.tolist() == [length] * 3


def test_baselines_are_what_such_answers_score():
    task = WordProblem(group="S3", length=3)
    batch, known = task.sample(20_000, torch.Generator()), task.baselines()
    always = torch.nn.functional.one_hot(torch.tensor(4), 6).expand(20_000, 3, 6).double()
    last = torch.nn.functional.one_hot(batch.x, 6).double()
    for name, y in (("constant", always), ("memoryless", last)):
        scores = task.scores(100 * y, batch)
        for score, within in (("accuracy_percent", 1.0), ("whole_percent", 0.9)):
            assert scores[score].value == pytest.approx(known[name][score], abs=within)
    assert known["constant"] == {
        "accuracy_percent": pytest.approx(100 / 6),
        "whole_percent": pytest.approx(100 / 216),
        "nats_per_step": math.log(6),
    }
    assert known["memoryless"]["accuracy_percent"] == pytest.approx(100 * (1 + 2 / 6) / 3)
    blind = task.scores(torch.zeros(20_000, 3, 6), batch)["nats_per_step"].value
    assert blind == pytest.approx(known["constant"]["nats_per_step"])


def test_one_wrong_step_is_counted():
    task = WordProblem(group="Z2", length=4, longest=4)
    batch = task.sample(5, torch.Generator())
    y = task.oracle(batch)
    y[2, 1] *= -1
    y[2, 1] += 1
    scores = task.scores(y.roll(0), batch)
    assert scores["accuracy_percent"].value == pytest.approx(95)
    assert scores["whole_percent"].value == pytest.approx(80)


def test_the_suite_doubles_the_length():
    assert list(WordProblem().suite()) == ["length-128", "length-256", "length-512"]
    assert list(WordProblem(length=100, longest=399).suite()) == ["length-100", "length-200"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"group": "S9"}, r"group = 'S9' is unknown; expected Zn .* such as Z60, S5, A5 or A4xZ5$"),
        ({"group": "S5xS5"}, r"group = 'S5xS5' has 14400 elements; expected 2 to 1000$"),
        ({"group": "A2"}, r"group = 'A2' has 1 elements; expected 2 to 1000$"),
        ({"longest": 100}, "longest = 100 must not be less than length = 128"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        WordProblem(**options)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gru_multiplies_permutations(seed):
    torch.manual_seed(seed)
    task = WordProblem(group="S3", length=16)
    model = Model(task, Ref("cell", "gru", hidden_size=64), embedding_size=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for k in range(600):
        batch = task.batch(k, batch_size=64, seed=seed, split="train")
        optimizer.zero_grad()
        task.loss(model(batch.x)[0], batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    found = evaluate(model, Batches(task, 64, 0, "test", rank=0, ranks=1), 5)["accuracy_percent"].value
    assert found > 95
