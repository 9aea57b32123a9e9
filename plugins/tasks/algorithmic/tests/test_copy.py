"""The copy task against a second, naive version, and its known values."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra import InvalidOption
from recurra_algorithmic.copy_task import SUITE_LENGTHS, Copy


def draw(task, k=0, batch_size=4, seed=0, split="train"):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 12))
def test_the_target_is_what_was_seen_between_the_flags(k, bits, max_length):
    batch = draw(Copy(bits=bits, max_length=max_length), k)
    for x, target, mask, steps in zip(*batch, strict=True):
        assert not x[steps:].any()
        assert not mask[steps:].any()
        rows = x.tolist()[:steps]
        start = next(t for t, row in enumerate(rows) if row[bits] == 1)
        end = next(t for t, row in enumerate(rows) if row[bits + 1] == 1)
        seen = [row[:bits] for row in rows[start + 1 : end]]
        assert start == 0
        assert 1 <= len(seen) <= max_length
        assert steps == len(rows) == 2 * len(seen) + 2
        assert target[mask].tolist() == seen
        assert mask.tolist()[:steps] == [t > end for t in range(len(rows))]
        assert not any(any(row) for row in rows[end + 1 :])


def test_the_flags_stand_alone_on_their_channels():
    batch = draw(Copy())
    assert batch.x[:, :, -2:].sum() == 2 * batch.x.shape[0]
    assert batch.x[:, 0, :-2].sum() == 0


def test_lengths_are_uniform_from_1_to_20():
    lengths = [int(draw(Copy(), k, batch_size=1).mask.sum()) for k in range(4000)]
    counts = [lengths.count(n) for n in range(1, 21)]
    assert sum(counts) == 4000
    # Each count is binomial with mean 200 and deviation 13.8.
    assert all(abs(count - 200) < 5 * 13.8 for count in counts)


def test_a_blind_guess_costs_one_bit_per_bit_and_84_on_average():
    task = Copy()
    costs = []
    for n in range(1, 21):
        variant = Copy(min_length=n, max_length=n)
        batch = draw(variant)
        scores = variant.scores(torch.zeros_like(batch.target), batch)
        costs.append(scores["bits_per_sequence"].value)
    assert costs == pytest.approx([8 * n for n in range(1, 21)])
    assert sum(costs) / 20 == pytest.approx(84)
    batch = draw(task)
    assert task.loss(torch.zeros_like(batch.target), batch).item() == pytest.approx(math.log(2))


def test_somebody_who_knows_the_answer_is_perfect():
    task = Copy()
    batch = draw(task)
    scores = task.scores(task.oracle(batch), batch)
    assert scores["bit_errors"].value == 0
    assert task.goal.met(scores["bits_per_sequence"].value)


def test_one_wrong_bit_is_counted_per_sequence():
    task = Copy(min_length=3, max_length=3)
    batch = draw(task, batch_size=2)
    y = task.oracle(batch)
    y[0, -1, 0] *= -1
    assert task.scores(y, batch)["bit_errors"].value == 0.5


def test_the_suite_is_that_of_the_paper():
    suite = Copy(bits=4).suite()
    assert list(suite) == [f"length-{n}" for n in (10, 20, 30, 50, 120)]
    for n, task in zip(SUITE_LENGTHS, suite.values(), strict=True):
        assert draw(task).target[0].shape == (2 * n + 2, 4)


def test_lengths_the_wrong_way_round_are_refused():
    with pytest.raises(InvalidOption, match="min_length = 5 must not exceed max_length = 2"):
        Copy(min_length=5, max_length=2)


def test_the_references_are_a_blind_guess_and_no_cost():
    references = Copy().baselines()
    assert references["constant"] == {"bits_per_sequence": 84, "bit_errors": 42}
    assert references["optimal"] == {"bits_per_sequence": 0, "bit_errors": 0}
    assert Copy(bits=3, min_length=7, max_length=7).baselines()["constant"]["bits_per_sequence"] == 21
