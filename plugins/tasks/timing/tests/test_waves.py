"""Periodic functions by hand."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_timing.waves import PFG

TRIANGLE_10 = [0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0]


def wave(**options):
    return PFG(**options).sample(1, torch.Generator())


@pytest.mark.parametrize(
    ("name", "period", "expected"),
    [
        ("cosine", 10, [0.5 * (1 - math.cos(2 * math.pi * t / 10)) for t in range(1, 11)]),
        ("cosine", 25, [0.5 * (1 - math.cos(2 * math.pi * t / 25)) for t in range(1, 26)]),
        ("triangle", 10, TRIANGLE_10),
        ("triangle", 25, [min(2 * t, 50 - 2 * t) / 25 for t in range(1, 26)]),
        ("rectangle", 10, [0, 0, 0, 0, 1, 1, 1, 1, 1, 0]),
        ("rectangle", 25, [0] * 12 + [1] * 12 + [0]),
    ],
)
def test_a_period_by_hand(name, period, expected):
    batch = wave(wave=name, period=period, periods=3)
    assert batch.target[0, :, 0].tolist() == pytest.approx(3 * expected, abs=1e-6)
    assert not batch.x.any()
    assert batch.mask.all()
    assert batch.lengths.tolist() == [3 * period]


def test_all_rows_are_the_same():
    batch = PFG().sample(3, torch.Generator())
    assert (batch.target == batch.target[0]).all()
    y = batch.target.clone()
    y[1] += 1
    assert PFG().scores(y, batch)["failed_share"].value == pytest.approx(1 / 3)


def test_the_score_counts_whole_periods_before_the_first_error():
    task = PFG(periods=4)
    batch = task.sample(1, torch.Generator())
    y = batch.target.clone()
    y[0, 25] += 0.31
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores["failed_share"] == 1
    assert scores["intervals_before_error"] == 2
    assert scores["squared_error"] == pytest.approx(0.31**2 / 40)
    assert scores["rmse"] == pytest.approx(0.31 / 40**0.5)
    y[0, 25] = batch.target[0, 25] + 0.29
    assert task.scores(y, batch)["failed_share"].value == 0


def test_the_root_is_taken_per_stream():
    task = PFG(periods=1)
    batch = task.sample(2, torch.Generator())
    y = batch.target + torch.tensor([0.1, 0.3])[:, None, None]
    assert task.scores(y, batch)["rmse"].value == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("name", "squared"),
    [
        ("cosine", 1 / 8),  # of a sine of amplitude 1/2
        ("triangle", sum((v - 0.5) ** 2 for v in TRIANGLE_10) / 10),
        ("rectangle", 1 / 4),
    ],
)
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_the_references_are_the_variance_and_nothing(name, squared, output):
    constant, optimal = PFG(wave=name, output=output).baselines().values()
    assert constant["squared_error"] == pytest.approx(squared, abs=1e-6)
    assert constant["rmse"] == pytest.approx(squared**0.5, abs=1e-6)
    assert constant["failed_share"] == 1
    assert constant["intervals_before_error"] == 0
    assert optimal == pytest.approx(
        {"failed_share": 0, "intervals_before_error": 10, "squared_error": 0, "rmse": 0}, abs=1e-5
    )


def test_no_constant_has_a_lower_squared_error_than_the_reference():
    task = PFG(wave="triangle", period=25)
    batch = task.sample(1, torch.Generator())
    known = task.baselines()["constant"]["squared_error"]
    for value in torch.linspace(0, 1, 101):
        y = torch.full_like(batch.target, float(value))
        assert task.scores(y, batch)["squared_error"].value >= known - 1e-9


def test_the_suite_is_that_of_the_paper():
    suite = PFG(wave="rectangle", period=25, tolerance=0.15).suite()
    assert list(suite) == ["periods-100", "periods-1000"]
    assert [int(task.sample(1, torch.Generator()).lengths[0]) for task in suite.values()] == [2500, 25_000]
    assert {(task.wave, task.tolerance) for task in suite.values()} == {("rectangle", 0.15)}


@pytest.mark.parametrize("options", [{"wave": "sine"}, {"period": 1}, {"periods": 0}, {"tolerance": 0.0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        PFG(**options)
