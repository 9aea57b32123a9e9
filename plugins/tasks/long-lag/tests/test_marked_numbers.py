"""Adding and multiplication against their text, read pair by pair."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_long_lag.adding_task import Adding
from recurra_long_lag.multiplication_task import Multiplication


def draw(task, batch_size=400, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def answers(task):
    """Every row as pairs, with the answer that is due at its end; checks the frame on the way."""
    for x, target, mask, steps in zip(*draw(task), strict=True):
        assert mask.nonzero()[:, 0].tolist() == [steps - 1]
        assert not x[steps:].any()
        assert not target[~mask].any()
        yield x[:steps].tolist(), target[steps - 1].item()


@pytest.mark.parametrize(
    ("task", "neutral", "combined"),
    [
        (Adding(length=30), 0.0, lambda a, b: 0.5 + (a + b) / 4),
        (Multiplication(length=30), 1.0, lambda a, b: a * b),
    ],
    ids=["adding", "multiplication"],
)
def test_the_answer_follows_from_the_marked_pairs(task, neutral, combined):
    firsts = 0
    for pairs, due in answers(task):
        assert 30 <= len(pairs) <= 33
        marked = [t for t, (_, marker) in enumerate(pairs) if marker == 1]
        assert pairs[0][1] == pairs[-1][1] == -1
        assert all(marker == 0 for t, (_, marker) in enumerate(pairs[1:-1], 1) if t not in marked)
        numbers = [pairs[t][0] for t in marked]
        if len(marked) == 1:  # the other one was the first pair
            numbers.append(neutral)
            firsts += 1
        else:
            assert marked[0] < 10
        assert len(numbers) == 2
        assert marked[-1] < 30 // 2 - 1
        assert due == pytest.approx(combined(*numbers), abs=1e-6)
    assert 20 < firsts < 110  # 69.2 on average: a tenth, and one in 13 of the others


@pytest.mark.parametrize(("task", "low"), [(Adding(), -1.0), (Multiplication(), 0.0)])
def test_numbers_are_even(task, low):
    batch = draw(task)
    numbers = batch.x[:, :100, 0]
    assert numbers.min() >= low
    assert numbers.max() < 1
    assert numbers.mean().item() == pytest.approx((1 + low) / 2, abs=0.02)
    assert numbers.var().item() == pytest.approx((1 - low) ** 2 / 12, rel=0.02)
    assert set(batch.lengths.tolist()) == set(range(100, 111))


def test_marks_are_even():
    places = torch.zeros(14)
    for pairs, _ in answers(Adding(length=30)):
        for t in (t for t, (_, marker) in enumerate(pairs) if marker == 1):
            places[t] += 1
    # 1 to 9: a tenth, and by the second choice as often as 10 to 13 but for those that are taken.
    assert (places[1:10] / 400).tolist() == pytest.approx([0.1 + 0.9 / 13] * 9, abs=5 * 0.019)
    assert (places[10:] / 400).tolist() == pytest.approx([1 / 13] * 4, abs=5 * 0.0133)


def test_the_modern_form_adds_one_number_of_either_half():
    task = Adding(form="modern", length=40)
    for pairs, due in answers(task):
        marked = [t for t, (_, marker) in enumerate(pairs) if marker == 1]
        assert len(pairs) == 40
        assert {marker for _, marker in pairs} == {0, 1}
        assert marked[0] < 20 <= marked[1]
        assert due == pytest.approx(pairs[marked[0]][0] + pairs[marked[1]][0], abs=1e-6)
    numbers = draw(task).x[..., 0]
    assert (numbers.min() >= 0) & (numbers.max() < 1)


def test_the_modern_form_is_linear_and_that_of_1997_logistic():
    y = torch.tensor([[[1.4], [-2.0]]])
    assert torch.equal(Adding(form="modern").predict(y), y)
    assert torch.equal(Adding().predict(y), torch.sigmoid(y))


@pytest.mark.parametrize("task", [Adding(), Multiplication()])
def test_an_error_of_4_hundredths_is_wrong(task):
    batch = draw(task, 2)
    for error, wrong in ((0.039, 0.0), (0.041, 0.5)):
        y = task.oracle(batch)
        last = int(batch.lengths[1]) - 1
        y[1, last] = torch.logit((batch.target[1, last] - error).abs())
        scores = task.scores(y, batch)
        assert scores["wrong_share"].value == wrong
        assert scores["absolute_error"].value == pytest.approx(error / 2, abs=1e-5)
        assert math.sqrt(2 * scores["squared_error"].value) == pytest.approx(error, abs=1e-5)
        assert task.loss(y, batch).item() == pytest.approx(error**2 / 2, abs=1e-6)


def test_the_goals():
    assert (Adding().goal.met(0), Adding().goal.met(1 / 2000)) == (True, False)
    assert Adding(form="modern").goal.score == "squared_error"
    for allowed in (140, 13):
        goal = Multiplication(allowed=allowed).goal
        assert (goal.met((allowed - 1) / 2000), goal.met(allowed / 2000)) == (True, False)
    assert Multiplication().goal.below == 0.07


def test_the_suites_have_the_lengths_of_the_papers():
    assert [task.length for task in Adding(tolerance=0.1).suite().values()] == [100, 500, 1000]
    modern = Adding(form="modern").suite()
    assert {name: (task.form, task.length) for name, task in modern.items()} == {
        f"length-{n}": ("modern", n) for n in (200, 400, 600)
    }
    assert [task.options for task in Multiplication(length=50, allowed=13).suite().values()] == [
        {"length": 100, "allowed": 13, "tolerance": 0.04}
    ]


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (Adding, {"length": 21}),
        (Adding, {"form": "old"}),
        (Adding, {"tolerance": 0.0}),
        (Multiplication, {"allowed": 100}),
        (Multiplication, {"length": 10}),
    ],
)
def test_wrong_options_are_refused(task, options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        task(**options)
