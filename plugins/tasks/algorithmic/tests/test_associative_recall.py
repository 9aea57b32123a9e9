"""The associative recall task against a second, naive version, and its known values."""

import itertools

import pytest
import torch

from recurra import InvalidOption
from recurra_algorithmic.associative_recall_task import AssociativeRecall


def draw(task, batch_size=300, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "task", [AssociativeRecall(), AssociativeRecall(bits=9, vectors=2, min_items=4, max_items=9)]
)
def test_the_answer_follows_the_query_in_the_list(task):
    bits, vectors = task.bits, task.vectors
    for x, target, mask, steps in zip(*draw(task), strict=True):
        rows = x.tolist()
        marks = [t for t, row in enumerate(rows) if row[bits] == 1]
        first, second = (t for t, row in enumerate(rows) if row[bits + 1] == 1)
        items = [[row[:bits] for row in rows[t + 1 : t + 1 + vectors]] for t in marks]
        query = [row[:bits] for row in rows[first + 1 : second]]
        assert task.min_items <= len(items) <= task.max_items
        assert marks == list(range(0, first, vectors + 1))
        assert len(query) == vectors
        # By chance two items may be the same, and then either may be meant.
        assert target[mask].tolist() in [b for a, b in itertools.pairwise(items) if a == query]
        assert steps == second + 1 + vectors
        assert mask.tolist() == [second < t < steps for t in range(len(rows))]
        assert not any(any(row) for row in rows[second + 1 :])
        assert not target[~mask].any()
        assert all(sum(rows[t]) == 1 for t in (*marks, first, second))


def test_every_item_but_the_last_is_asked_about_as_often():
    batch = draw(AssociativeRecall(bits=20, vectors=1, min_items=4, max_items=4), 3000)
    items, query = batch.x[:, 1:8:2, :20], batch.x[:, 9, :20]
    asked = (items == query[:, None]).all(-1).float().mean(0)
    assert asked.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=5 * 0.0086)


def test_numbers_of_items_are_uniform():
    counts = torch.bincount(draw(AssociativeRecall(), 5000).lengths, minlength=33)[16::4]
    assert counts.tolist() == pytest.approx([1000] * 5, abs=5 * 28.3)


def test_a_blind_guess_costs_18_bits():
    task = AssociativeRecall()
    batch = draw(task)
    scores = task.scores(torch.zeros_like(batch.target), batch)
    assert task.baselines()["constant"] == {"bits_per_sequence": 18, "bit_errors": 9}
    assert scores["bits_per_sequence"].value == pytest.approx(18)
    assert scores["bit_errors"].value == pytest.approx(9, abs=0.6)  # 2.1 / sqrt(300), five times
    assert AssociativeRecall(bits=2, vectors=5).baselines()["constant"]["bits_per_sequence"] == 10


def test_the_suite_has_up_to_20_items():
    suite = AssociativeRecall(bits=3).suite()
    steps = {name: int(draw(task, 1).lengths) for name, task in suite.items()}
    assert steps == {f"items-{n}": 4 * n + 8 for n in (6, 10, 15, 20)}
    assert {task.bits for task in suite.values()} == {3}


@pytest.mark.parametrize(
    ("options", "told"),
    [({"min_items": 7}, "min_items = 7 must not exceed max_items = 6"), ({"min_items": 1}, "min_items")],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        AssociativeRecall(**options)
