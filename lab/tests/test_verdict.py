"""Verdicts by hand: counts, waiting times, medians, failures and rivals."""

import math

import pytest

from recurra import InvalidOption
from recurra_lab.reproductions.laws import bootstrap_interval, fisher, geometric_mean_interval
from recurra_lab.reproductions.record import Record, SeedRun
from recurra_lab.reproductions.reference import Claim
from recurra_lab.reproductions.verdict import judge

GUESSES = [83, 49, 1614, 37, 270, 27, 188, 416, 1000, 727, 690, 269, 483, 180, 41, 85, 182, 23, 1249, 722]


def claim(*numbers, size=1, **success):
    success = {
        "measure": "outcome.solved",
        "above": 0.5,
        "runs": "all",
        "trust": "N",
        "source": "x",
        **success,
    }
    rest = {"protocol": "reduced", "departs": ["It differs."], "minutes": 1}
    return Claim(paper="p", claim="c", success=success, numbers=numbers, sequence_size=size, **rest)


def record(*runs, baselines=None, **columns):
    """One run per value of the columns, such as `solved=[1, 0]`; other columns by keyword."""
    names = {"solved": "outcome.solved", "sequences": "outcome.sequences", "wrong": "scores.test.wrong"}
    rows = zip(*columns.values(), strict=True)
    measured = [dict(zip(map(names.get, columns), map(float, row), strict=True)) for row in rows]
    runs = [SeedRun(seed=k, measured=values) for k, values in enumerate(measured)]
    return Record(experiment="x/y", versions={}, baselines=baselines or {}, runs=runs)


def number(**options):
    return {"what": "w", "trust": "N", "source": "s", "better": "smaller", **options}


def test_fishers_test_by_hand():
    # Margins 2, 2 and 2 of 4: the tables have the probabilities 1/6, 4/6 and 1/6.
    assert fisher((2, 2), (0, 2)) == pytest.approx(2 / 6)
    assert fisher((1, 2), (1, 2)) == 1
    # As rare as none of 10 is only ten of 10: C(17, 13) + C(17, 3) ways of C(27, 13).
    assert fisher((0, 10), (13, 17)) == pytest.approx((2380 + 680) / 20_058_300)


def test_the_interval_of_a_mean_waiting_time_is_that_of_the_gamma_law():
    # Half of the quantiles of chi square with 40 degrees of freedom: 24.433 and 59.342.
    low, high = geometric_mean_interval(GUESSES, 20)
    assert (low, high) == pytest.approx((sum(GUESSES) / 29.671, sum(GUESSES) / 12.2165), rel=1e-4)
    # A single wait that ended, by the exponential law: -log(0.975) and -log(0.025).
    assert geometric_mean_interval([7.0], 1) == pytest.approx((7 / 3.68888, 7 / 0.0253178), rel=1e-5)
    assert geometric_mean_interval([7.0], 0) == pytest.approx((7 / 2.995732, math.inf), rel=1e-5)


def test_a_bootstrap_stays_within_the_values_and_is_the_same_again():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert bootstrap_interval(values, "median") == (1, 5)
    assert bootstrap_interval([2.0] * 4, "mean") == (2, 2)
    assert bootstrap_interval(GUESSES, "mean") == bootstrap_interval(GUESSES, "mean")
    low, high = bootstrap_interval(GUESSES, "mean")
    assert 200 < low < 416.75 < high < 650


@pytest.mark.parametrize(
    ("runs", "solved", "verdict"),
    [
        ("all", [1, 1, 1], "equal"),
        ("all", [1, 0, 1], "worse"),
        ("all", [0, 0, 0], "not reached"),
        ("none", [0, 0, 0], "equal"),
        ("none", [0, 1, 0], "contradicts"),
        ("13 of 17", [1] * 7 + [0] * 3, "equal"),
        ("13 of 17", [0] * 10, "not reached"),
        ("13 of 17", [1] + [0] * 9, "worse"),
        ("4 of 17", [1] * 10, "better"),
    ],
)
def test_runs_that_succeed_are_counted_in_the_direction_of_the_claim(runs, solved, verdict):
    assert judge(claim(runs=runs), record(solved=solved)).verdict == verdict


def test_a_success_after_the_papers_budget_is_none():
    found = judge(claim(within=5000, size=5), record(solved=[1, 1, 0], sequences=[1000, 1001, 900]))
    assert found.succeeded == (True, False, False)
    assert found.verdict == "worse"


def test_a_failure_holds_only_over_the_papers_whole_budget():
    fails = claim(measure="scores.test.wrong", below=0.4, above=None, runs="none", within=1000)
    short = judge(fails, record(wrong=[0.5, 0.5], sequences=[999, 1000]))
    assert (short.succeeded, short.verdict) == ((None, False), "not reached")
    assert judge(fails, record(wrong=[0.5, 0.5], sequences=[1000, 2000])).verdict == "equal"
    assert judge(fails, record(wrong=[0.5, 0.3], sequences=[10, 10])).verdict == "contradicts"
    unknown = judge(fails, record(wrong=[0.3, 0.5]))
    assert (unknown.succeeded, unknown.verdict) == ((None, None), "not reached")
    fails._budget = 1000  # that of the experiment file bounds what an old record did not count
    assert judge(fails, record(wrong=[0.3, 0.5])).succeeded == (True, None)
    fails._budget = 1001
    assert judge(fails, record(wrong=[0.3, 0.5])).succeeded == (None, None)


def test_a_method_that_no_seed_of_beats_its_rival_contradicts_the_claim():
    beats = claim(measure="scores.test.wrong", above=None, below="linear")
    linear = {"test": {"linear": {"wrong": 0.2}}}
    assert judge(beats, record(wrong=[0.3, 0.4], baselines=linear)).verdict == "contradicts"
    assert judge(beats, record(wrong=[0.1, 0.4], baselines=linear)).verdict == "worse"
    assert judge(beats, record(wrong=[0.1, 0.1], baselines=linear)).verdict == "equal"
    with pytest.raises(InvalidOption, match=r"no baseline 'linear' of scores.test.wrong; it has none"):
        judge(beats, record(wrong=[0.1]))


@pytest.mark.parametrize(("published", "verdict"), [(718, "better"), (500, "equal"), (200, "worse")])
def test_a_waiting_time_is_compared_by_its_own_law(published, verdict):
    waits = number(ours="outcome.sequences", law="geometric", published=published)
    found = judge(claim(waits), record(solved=[1] * 20, sequences=GUESSES))
    assert (found.verdict, found.numbers[0].ours) == (verdict, pytest.approx(416.75))


def test_a_wait_that_did_not_end_counts_with_its_time_and_as_no_event():
    waits = number(ours="outcome.sequences", law="geometric", published=100)
    (found,) = judge(claim(waits, runs="1 of 2"), record(solved=[1, 0], sequences=[100, 300])).numbers
    assert (found.ours, found.bound) == (400, True)
    assert found.interval == geometric_mean_interval([400], 1)


@pytest.mark.parametrize(("published", "verdict"), [(400, None), (200, None), (50, "worse")])
def test_a_lower_bound_is_never_better_nor_equal(published, verdict):
    waits = number(ours="outcome.sequences", published=published)
    (found,) = judge(claim(waits), record(solved=[1, 0], sequences=[100, 300])).numbers
    assert (found.ours, found.bound, found.verdict) == (200, True, verdict)


@pytest.mark.parametrize(
    ("values", "better", "verdict"),
    [([1, 2, 3], "smaller", "equal"), ([3, 4, 5], "smaller", "worse"), ([3, 4, 5], "larger", "better")],
)
def test_a_median_is_compared_by_a_bootstrap(values, better, verdict):
    wanted = number(ours="scores.test.wrong", statistic="median", published=2.0, better=better)
    found = judge(claim(wanted), record(solved=[1, 1, 1], wrong=values))
    assert found.numbers[0].verdict == verdict
    assert found.verdict == verdict


@pytest.mark.parametrize("better", ["smaller", "larger"])
def test_a_number_that_is_none_is_worse_than_any(better):
    wanted = number(ours="scores.test.wrong", statistic="median", published=2.0, better=better)
    (found,) = judge(claim(wanted), record(solved=[1, 1, 1], wrong=[1, math.nan, 3])).numbers
    assert (found.verdict, found.interval) == ("worse", None)
    assert math.isnan(found.ours)


def test_rounding_is_no_difference():
    wanted = number(ours="scores.test.wrong", published=1.0, better="larger")
    assert judge(claim(wanted), record(solved=[1, 1], wrong=[1 - 2e-14] * 2)).verdict == "equal"


def test_the_worst_verdict_counts():
    good, bad = (number(ours="scores.test.wrong", published=value) for value in (9.0, 0.5))
    assert judge(claim(good, bad), record(solved=[1, 1], wrong=[1, 2])).verdict == "worse"
    assert judge(claim(good), record(solved=[0, 0], wrong=[1, 2])).verdict == "not reached"


def test_a_number_that_an_old_record_lacks_has_no_verdict_and_no_value():
    (found,) = judge(claim(number(ours="scores.test.wrong", published=1.0)), record(solved=[1, 1])).numbers
    assert (found.values, found.ours, found.verdict) == ((None, None), None, None)
    with pytest.raises(InvalidOption, match=r"seed 0 has no measure 'scores.test.wrong'"):
        judge(claim(measure="scores.test.wrong"), record(solved=[1]))
