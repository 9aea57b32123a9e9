"""A difference counts only if it is more than the chance of seeds."""

import itertools
import math

import pytest

from recurra import Goal
from recurra_lab.comparisons.groups import ComparedRun, Comparison, Group, median, rank
from recurra_lab.comparisons.pictures import over_seeds
from recurra_lab.comparisons.table import rows
from recurra_lab.comparisons.verdict import differences, holm, mann_whitney

LOW = Goal("error", below=0.1)


def group(name, values, score="error"):
    runs = [
        ComparedRun(seed, False, 10, 1.0, 5, {"test": {score: value}}, [(5, value)])
        for seed, value in enumerate(values)
    ]
    return Group(name, runs)


def told(*groups, goal=LOW):
    return list(map(str, differences(Comparison("copy", goal, groups, ["test"]))))


def test_four_seeds_each_that_never_overlap():
    p, wins = mann_whitney([1, 2, 3, 4], [5, 6, 7, 8])
    assert p == pytest.approx(2 / math.comb(8, 4))
    assert wins == 1


def test_ties_are_judged_by_permutation():
    p, wins = mann_whitney([0, 0, 0, 1], [1, 2, 2, 2])
    assert p == pytest.approx(4 / 70, abs=1e-9)  # as far apart: 0 0 0 1 | 1 2 2 2 with either 1, and mirrored
    assert wins == pytest.approx(15.5 / 16)


def test_equal_values_are_no_difference():
    assert mann_whitney([3, 3], [3, 3]) == (1.0, 0.5)


def test_holms_correction():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_a_difference_is_told():
    first, second = group("gru", [0.1, 0.2, 0.3, 0.4]), group("lstm", [1, 2, 3, 4])
    assert told(first, second) == [
        "gru is better than lstm (p = 0.029; better in 100 % of the pairs of seeds)"
    ]


def test_overlap_is_no_difference():
    first, second = group("gru", [1, 3, 5, 7]), group("lstm", [2, 4, 6, 8])
    assert told(first, second) == ["no difference between gru and lstm beyond chance (p = 0.69)"]


def test_three_seeds_are_too_few():
    assert told(group("gru", [1, 2, 3]), group("lstm", [4, 5, 6])) == ["too few seeds to tell gru from lstm"]


def test_more_groups_need_more_seeds():
    groups = group("a", [1, 2, 3, 4]), group("b", [5, 6, 7, 8]), group("c", [5, 6, 7, 8])
    assert told(*groups) == ["too few seeds to tell a from b", "too few seeds to tell a from c"]


def test_a_higher_score_is_better_where_the_goal_says_so():
    high = Goal("accuracy", above=0.9)
    groups = group("gru", [5, 6, 7, 8], "accuracy"), group("lstm", [1, 2, 3, 4], "accuracy")
    assert "gru is better than lstm" in told(*groups, goal=high)[0]


def test_not_a_number_is_the_worst():
    first, second = group("gru", [1, 2, 3, 4]), group("lstm", [math.nan] * 4)
    assert "gru is better than lstm" in told(first, second)[0]


def test_medians_of_infinite_values():
    assert median([1, math.inf, math.inf]) == math.inf
    assert median([1, 2, math.inf]) == 2
    assert median([1, 4]) == 2.5


def test_a_run_that_ended_keeps_its_last_value():
    short = ComparedRun(0, True, 10, 1.0, 5, {}, [(10, 4.0)])
    long = ComparedRun(1, False, 30, 1.0, 5, {}, [(5, 9.0), (20, 2.0)])
    steps, values = over_seeds([short, long])
    assert steps.tolist() == [5, 10, 20]
    assert math.isnan(values[0, 0])
    assert values[:, 1:].tolist() == [[4.0, 4.0], [9.0, 2.0]]


@pytest.mark.parametrize(
    ("goal", "middle"), [(LOW, "0.3"), (Goal("error", above=0.9), "0.1")], ids=["low", "high"]
)
@pytest.mark.parametrize("values", list(itertools.permutations([math.nan, 0.1, 0.3])))
def test_not_a_number_counts_as_the_worst_value_in_the_table(values, goal, middle):
    found = Comparison("copy", goal, [group("gru", values)], ["test"])
    (row,) = rows(found, ["test"])
    assert row.cells[2].text == f"{middle} (0.1 to 0.3, 1 not a number)"
    assert row.cells[2].value == float(middle)
    assert rank(found.values(found.groups[0]), goal) == abs(float(middle)) * (1 if goal is LOW else -1)
