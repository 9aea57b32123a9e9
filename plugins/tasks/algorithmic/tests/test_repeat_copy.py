"""The repeat-copy task against a second, naive version, and its known values."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_algorithmic.repeat_copy_task import RepeatCopy


def draw(task, batch_size=200, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "task", [RepeatCopy(), RepeatCopy(bits=2, min_length=3, max_length=4, max_repeats=2)]
)
def test_the_answer_is_what_was_seen_as_often_as_was_said(task):
    bits = task.bits
    for x, target, mask, steps in zip(*draw(task), strict=True):
        rows = x.tolist()
        delimiter = next(t for t, row in enumerate(rows) if row[bits] == 1)
        seen = [row[:bits] for row in rows[:delimiter]]
        said = round(x[delimiter + 1, -1].item() * math.sqrt(99 / 12) + 5.5)
        answer = [[*vector, 0.0] for _ in range(said) for vector in seen] + [[0.0] * bits + [1.0]]
        assert task.lengths[0] <= len(seen) <= task.lengths[1]
        assert task.repeats[0] <= said <= task.repeats[1]
        assert steps == delimiter + 2 + len(answer)
        assert mask.tolist() == [delimiter + 2 <= t < steps for t in range(len(rows))]
        assert target[mask].tolist() == answer
        assert not target[~mask].any()
        assert not x[:delimiter, bits:].any()
        assert not x[delimiter:, :bits].any()
        assert not x[delimiter + 2 :].any()


def test_lengths_and_repeats_are_uniform_and_independent():
    batch = draw(RepeatCopy(max_length=3, max_repeats=2), 6000)
    answered = batch.mask.sum(1) - 1  # L R
    counts = [int((answered == n).sum()) for n in (1, 2, 3, 4, 6)]
    # 2 comes from 1 x 2 and from 2 x 1; each count is binomial, with a deviation of 37 at most.
    assert counts == pytest.approx([1000, 2000, 1000, 1000, 1000], abs=5 * 37)


def test_the_number_has_mean_0_and_variance_1_in_training():
    shown = torch.stack(
        [draw(RepeatCopy(min_repeats=r, max_repeats=r), 1).x[..., -1].sum() for r in range(1, 11)]
    )
    assert shown.mean().item() == pytest.approx(0, abs=1e-6)
    assert shown.var(correction=0).item() == pytest.approx(1)
    assert RepeatCopy(max_repeats=1, scaled_for=1).sample(1, torch.Generator()).x[..., -1].any() == 0


@pytest.mark.parametrize(("bits", "blind"), [(8, 242), (6, 181.5)])
def test_the_references_are_those_of_blind_guesses(bits, blind):
    task = RepeatCopy(bits=bits)
    constant = task.baselines()["constant"]
    assert constant["vector_bits_per_sequence"] == blind
    batch = draw(task, 4000)
    y = torch.zeros_like(batch.target)
    y[..., -1] = -math.log(30.25)  # the odds of an end marker, one in 31.25 on average
    for name, score in task.scores(y, batch).items():
        # L R has a deviation of 23, which leaves 1.2 % of its mean in 4,000 sequences.
        known = constant[name] - (bits * 30.25 / 2 if name == "bit_errors" else 0)
        found = score.value - (float(batch.target[..., :-1].sum()) / 4000 if name == "bit_errors" else 0)
        assert found == pytest.approx(known, rel=0.04)
    assert constant["bit_errors"] == bits * 30.25 / 2 + 1


def test_what_is_put_out_beside_the_end_marker_is_not_scored():
    task = RepeatCopy()
    batch = draw(task, 3)
    y = task.oracle(batch)
    y[batch.target[..., -1] == 1, :-1] = 77.0
    scores = task.scores(y, batch)
    assert [score.value for score in scores.values()] == pytest.approx([0] * 4)
    assert task.loss(y, batch).item() == pytest.approx(0)


def test_a_marker_after_every_repeat_is_counted():
    task = RepeatCopy(min_length=4, max_length=4, min_repeats=3, max_repeats=3)
    batch = draw(task, 1)
    y = task.oracle(batch)
    y[0, [6 + 4, 6 + 8], -1] = 100.0
    scores = task.scores(y, batch)
    assert scores["marker_errors"].value == scores["bit_errors"].value == 2
    assert scores["vector_bits_per_sequence"].value == pytest.approx(0)
    assert scores["bits_per_sequence"].value == pytest.approx(200 / math.log(2))


def test_the_suite_doubles_the_length_or_the_repeats():
    suite = RepeatCopy(bits=6).suite()
    steps = {name: int(draw(task, 1).lengths) for name, task in suite.items()}
    assert steps == {"length-10-repeats-10": 113, "length-20-repeats-10": 223, "length-10-repeats-20": 213}
    shown = draw(suite["length-10-repeats-20"], 1).x[0, 11, -1].item()
    assert shown == pytest.approx((20 - 5.5) / 2.8723, rel=1e-4)


@pytest.mark.parametrize("what", ["length", "repeats"])
def test_bounds_the_wrong_way_round_are_refused(what):
    with pytest.raises(InvalidOption, match=f"min_{what} = 5 must not exceed max_{what} = 2"):
        RepeatCopy(**{f"min_{what}": 5, f"max_{what}": 2})
