"""Quantile and likelihood losses, with numbers worked out by hand."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_prediction.losses import LEAST_SCALE, loss_of

LEVELS = (0.1, 0.5, 0.9)


def f64(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_the_pinball_loss_weighs_both_sides_by_the_level():
    # Errors 2, 1 and -1: 0.1 * 2, 0.5 * 1 and 0.1 * 1.
    loss = loss_of("quantile", LEVELS).loss(f64([1, 2, 4]), torch.tensor([3.0], dtype=torch.float64))
    assert loss.item() == pytest.approx((0.2 + 0.5 + 0.1) / 3)


def test_crossing_quantiles_are_counted_and_sorted():
    kind, due = loss_of("quantile", LEVELS), torch.tensor([1.0, 5.0], dtype=torch.float64)
    outputs = f64([0, 1, 2], [3, 2, 4])
    assert kind.quantiles(outputs).tolist() == [[0, 1, 2], [2, 3, 4]]
    assert kind.point(outputs).tolist() == [1, 3]
    scores = {name: score.value for name, score in kind.scores(outputs, due).items()}
    # Of the four neighbouring pairs, (3, 2) alone is out of order.
    assert scores["crossing"] == 0.25
    assert (scores["coverage_0.1"], scores["coverage_0.5"], scores["coverage_0.9"]) == (0, 0.5, 0.5)
    # Errors 1, 0, -1 and 3, 2, 1: 0.1 + 0 + 0.1 and 0.3 + 1 + 0.9.
    assert scores["pinball"] == pytest.approx((0.2 + 2.2) / 6)


def test_a_normal_distribution_is_scored_by_its_density():
    kind = loss_of("normal", (0.025, 0.5, 0.975))
    outputs = f64([1, math.log(math.expm1(2 - LEAST_SCALE))])  # mean 1, deviation 2
    nats = kind.loss(outputs, torch.tensor([5.0], dtype=torch.float64)).item()
    assert nats == pytest.approx(math.log(2) + math.log(2 * math.pi) / 2 + 2)  # (5 - 1)² / (2 · 4) = 2
    assert kind.quantiles(outputs)[0].tolist() == pytest.approx([1 - 2 * 1.959964, 1, 1 + 2 * 1.959964])


def test_a_laplace_distribution_is_scored_by_its_density():
    kind = loss_of("laplace", (0.25, 0.5))
    outputs = f64([1, math.log(math.expm1(2 - LEAST_SCALE))])
    nats = kind.loss(outputs, torch.tensor([5.0], dtype=torch.float64)).item()
    assert nats == pytest.approx(math.log(4) + 2)  # ln 2b + |5 - 1| / b
    assert kind.quantiles(outputs)[0].tolist() == pytest.approx([1 + 2 * math.log(0.5), 1])


@pytest.mark.parametrize(
    ("name", "levels", "message"),
    [
        ("quantile", (0.1, 0.9), "lack the median, 0.5, which is the point forecast"),
        ("normal", (0.9, 0.1), "must ascend, each once"),
        ("normal", (0.1, 0.1), "must ascend, each once"),
    ],
)
def test_wrong_levels_are_told(name, levels, message):
    with pytest.raises(InvalidOption, match=message):
        loss_of(name, levels)
