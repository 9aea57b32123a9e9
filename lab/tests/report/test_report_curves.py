"""What is drawn and told of numbers: curves, suites by size, and words."""

import base64
import math
import xml.dom.minidom

import numpy as np
import pytest

from recurra import Goal
from recurra_lab.formatting import duration, number
from recurra_lab.reports.curves import generalisation, learning_curve, points, running_mean
from recurra_lab.reports.figures import blank, logarithmic
from recurra_lab.reports.text import goal_in_words, outcome_in_words


def test_running_mean_looks_back_only():
    values = np.array([4.0, 2.0, 0.0, 4.0, 5.0])
    assert running_mean(values, 3).tolist() == [4, 3, 2, 2, 3]
    assert running_mean(values, 1).tolist() == values.tolist()


def test_points_are_those_of_one_metric_that_are_finite():
    rows = [(1, "a", 1.0), (2, "b", 2.0), (3, "a", math.nan), (4, "a", 4.0), (5, "a", math.inf)]
    steps, values = points(rows, "a")
    assert (steps.tolist(), values.tolist()) == ([1, 4], [1.0, 4.0])


@pytest.mark.parametrize("goal", [Goal("s", below=0.1), Goal("s", above=0.9), Goal("s")])
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, 1e30])
def test_any_finite_values_and_goals_make_a_curve(goal, value):
    curve = learning_curve([(1, "train/s", value), (2, "validation/s", value)], goal)
    svg = base64.b64decode(curve.uri.removeprefix("data:image/svg+xml;base64,"))
    assert xml.dom.minidom.parseString(svg).documentElement.tagName == "svg"


def test_a_curve_of_many_updates_stays_small():
    rows = [(k, "train/s", 1 + k % 7) for k in range(100_000)]
    assert len(learning_curve(rows, Goal("s", below=0.1)).uri) < 200_000


def test_sizes_of_a_suite_are_drawn_in_their_order():
    scores = {f"length-{n}": {"s": float(n)} for n in (100, 20, 3)} | {
        "hard": {"s": 9.0},
        "depth-1": {"s": 1.0},
    }
    assert generalisation(scores, Goal("s")).alt == "s by length: 3 at 3, 20 at 20, 100 at 100."


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"test": {"s": 1.0}},
        {"length-10": {"s": 1.0}},
        {"length-1": {"t": 1.0}, "length-2": {"s": math.nan}},
    ],
)
def test_a_suite_without_sizes_is_not_drawn(scores):
    assert generalisation(scores, Goal("s")) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.07123, "0.0712"),
        (12345.6, "12,346"),
        (999.4, "999"),
        (3.14e-5, "3.1e-05"),
        (-0.5, "-0.5"),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
    ],
)
def test_numbers_in_words(value, text):
    assert number(value) == text


def test_durations_in_words():
    assert [duration(s) for s in (4.321, 61.2, 250, 7500)] == ["4.32 s", "61 s", "4 min 10 s", "2 h 5 min"]


def test_outcomes_in_words():
    goal = Goal("bits_per_sequence", below=0.1)
    full = {"status": "solved", "steps": 1100, "sequences": 17600, "train_seconds": 61.2}
    cost = "(17,600 sequences, 61 s of training)"
    told = f"Solved after 1,100 updates {cost}; the goal is bits per sequence below 0.1."
    assert outcome_in_words(full, goal) == told
    assert outcome_in_words({"status": "solved", "steps": 1}, goal).startswith("Solved after 1 update; ")
    assert outcome_in_words({"status": "budget used", "steps": 2}, goal).startswith(
        "Not solved, step budget exhausted after 2 updates"
    )
    assert outcome_in_words({"status": "on fire"}, goal).startswith("Ended (on fire);")
    assert outcome_in_words({}, goal).startswith("This run has no outcome yet")
    assert goal_in_words(Goal("accuracy", above=0.9)) == "accuracy above 0.9"


def test_labels_within_a_decade_are_short():
    figure, axes = blank(height=2.0)
    axes.plot([0, 1], [0.61, 0.54])
    logarithmic(axes)
    figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels(minor=True)]
    assert "0.6" in labels
    assert not [label for label in labels if "e" in label]
