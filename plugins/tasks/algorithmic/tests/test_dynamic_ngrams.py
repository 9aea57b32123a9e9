"""The dynamic n-grams against a second, naive version, and the known cost of the optimal estimator."""

import itertools
import math

import pytest
import torch

from recurra import InvalidOption
from recurra_algorithmic.dynamic_ngrams_task import DynamicNgrams


def draw(task, batch_size=20, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def test_the_network_sees_the_bit_before_the_one_that_it_predicts():
    batch = draw(DynamicNgrams())
    assert batch.x.shape == batch.target.shape == (20, 200, 1)
    assert (batch.x[:, 1:] == batch.target[:, :-1]).all()
    assert not batch.x[:, 0].any()
    assert batch.mask.all()
    assert batch.lengths.tolist() == [200] * 20


def test_the_estimator_counts_what_followed_each_context():
    task = DynamicNgrams(context=3, length=60)
    batch = draw(task, 5)
    found = torch.sigmoid(task.estimate(batch))[..., 0].tolist()
    for bits, probabilities in zip(batch.target[..., 0].int().tolist(), found, strict=True):
        counts: dict[tuple[int, ...], list[int]] = {}
        for t, (bit, p) in enumerate(zip(bits, probabilities, strict=True)):
            if t < 3:
                assert p == 0.5
                continue
            n = counts.setdefault(tuple(bits[t - 3 : t]), [0, 0])
            assert p == pytest.approx((n[1] + 0.5) / (n[0] + n[1] + 1))
            n[bit] += 1


def test_the_estimator_sees_nothing_of_the_future():
    task = DynamicNgrams()
    batch = draw(task, 1)
    other = batch._replace(target=torch.cat([batch.target[:, :100], 1 - batch.target[:, 100:]], 1))
    assert torch.equal(task.estimate(batch)[:, :101], task.estimate(other)[:, :101])
    assert not torch.equal(task.estimate(batch)[:, 101:], task.estimate(other)[:, 101:])


def test_the_optimal_estimator_needs_127_7_bits_for_the_195_and_132_7_for_all():
    references = DynamicNgrams().baselines()
    assert references["optimal"]["predictable_bits"] == pytest.approx(127.7, abs=0.6)
    assert references["optimal"]["bits_per_sequence"] == pytest.approx(132.7, abs=0.6)
    assert references["optimal"]["bits_per_sequence"] - references["optimal"]["predictable_bits"] == (
        pytest.approx(5)
    )
    assert references["optimal"]["excess_bits"] == 0
    constant = references["constant"]
    assert (constant["bits_per_sequence"], constant["predictable_bits"], constant["bit_errors"]) == (
        200,
        195,
        100,
    )
    task = DynamicNgrams()
    batch = draw(task, 500, seed=5)  # other sequences than those of the references
    blind = task.scores(torch.zeros_like(batch.target), batch)
    assert blind["bits_per_sequence"].value == pytest.approx(200)
    assert blind["excess_bits"].value == pytest.approx(constant["excess_bits"], abs=5)


def test_somebody_who_knows_the_source_needs_98_bits():
    task, rng = DynamicNgrams(), torch.Generator().manual_seed(3)
    source = task.source(4000, rng)
    bits = task.bits_of(source, rng)
    number = sum(bits[:, 4 - k : 199 - k] << k for k in range(5))  # of the 5 bits before each of the 195
    p = source.gather(1, number)
    chosen = torch.where(bits[:, 5:] > 0, p, 1 - p)
    assert float(-chosen.log2().sum(1).mean()) == pytest.approx(98.0, abs=1.5)


def test_sources_follow_the_arcsine_law():
    p = DynamicNgrams().source(2000, torch.Generator().manual_seed(1)).flatten()
    # Of Beta(1/2, 1/2): mean 1/2, variance 1/8, a third each below 1/4, between, and above 3/4.
    assert p.mean().item() == pytest.approx(0.5, abs=0.01)
    assert p.var().item() == pytest.approx(0.125, abs=0.005)
    assert [(p < 0.25).double().mean().item(), (p > 0.75).double().mean().item()] == pytest.approx(
        [1 / 3, 1 / 3], abs=0.01
    )


def test_a_certain_source_writes_what_it_must():
    task = DynamicNgrams(context=2, length=12)
    never_two_alike = torch.tensor([[1.0, 0.0, 1.0, 0.0]]).double()  # after 00, 01, 10, 11
    bits = task.bits_of(never_two_alike, torch.Generator().manual_seed(0))[0].tolist()
    assert all(a != b for a, b in itertools.pairwise(bits[1:]))


def test_excess_is_what_is_needed_beyond_the_optimal_estimator():
    task = DynamicNgrams()
    batch = draw(task, 3)
    optimal = task.estimate(batch)
    worse = task.scores(optimal.neg(), batch)
    best = task.scores(optimal, batch)
    assert best["excess_bits"].value == 0
    assert worse["excess_bits"].value == pytest.approx(
        worse["bits_per_sequence"].value - best["bits_per_sequence"].value
    )
    assert math.isclose(best["bits_per_sequence"].value, best["predictable_bits"].value + 5)


def test_the_suite_is_the_length_of_the_paper():
    suite = DynamicNgrams(context=2, length=50).suite()
    assert {name: (task.context, task.length) for name, task in suite.items()} == {"length-200": (2, 200)}


@pytest.mark.parametrize(
    ("options", "told"),
    [({"length": 5}, "length = 5 must be greater than context = 5"), ({"context": 11}, "context")],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        DynamicNgrams(**options)
