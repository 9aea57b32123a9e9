"""Irregular series: an exact predictor from two observations, and baselines by simulation."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_dynamics.irregular_series import IrregularSeries


def drawn(task, rows=20_000):
    return task.sample(rows, torch.Generator().manual_seed(0))


def error(task, y, batch):
    return task.scores(y, batch)["squared_error"].value


def test_two_observations_and_the_elapsed_times_determine_the_next():
    """v(Δ + Δ') from v(0), v(Δ): (sin ω(Δ + Δ') v(Δ) - sin ωΔ' v(0)) / sin ωΔ."""
    task = IrregularSeries(frequencies=(1.0, 0.6), longest=2.5)
    batch = drawn(task, rows=20)
    v, gap = batch.x[..., :-1].double(), batch.x[..., -1:].double()
    ω = torch.tensor([1.0, 0.6]).double()
    first, second, before, after = v[:, :-1], v[:, 1:], gap[:, :-1], gap[:, 1:]
    exact = (torch.sin(ω * (before + after)) * second - torch.sin(ω * after) * first) / torch.sin(ω * before)
    torch.testing.assert_close(exact, batch.target[:, 1:].double(), rtol=0, atol=1e-4)


def test_observations_follow_one_another():
    batch = drawn(IrregularSeries(), rows=3)
    assert torch.equal(batch.x[:, 1:, :-1], batch.target[:, :-1])
    assert batch.mask[:, 1:].all()
    assert not batch.mask[:, 0].any()


def test_gaps_are_uniform_and_values_have_unit_variance():
    batch = drawn(IrregularSeries(shortest=0.5, longest=1.5, length=2))
    gaps = batch.x[..., -1]
    assert 0.5 <= gaps.min() < 0.51
    assert 1.49 < gaps.max() <= 1.5
    assert gaps.mean().item() == pytest.approx(1, abs=0.01)
    assert batch.target.square().mean().item() == pytest.approx(1, abs=0.03)


def test_baselines():
    task = IrregularSeries(frequencies=(1.3,), shortest=0.2, longest=1.7, length=3)
    batch, stated = drawn(task, rows=50_000), task.baselines()
    v, gap = batch.x[..., :1], batch.x[..., 1:]
    mean_cosine = torch.cos(1.3 * gap).mean()
    answers = {
        "constant": torch.zeros_like(v),
        "persistence": v,
        "no-time": mean_cosine * v,
        "no-memory": torch.cos(1.3 * gap) * v,
        "optimal": batch.target,
    }
    assert list(answers) == list(stated)
    for name, y in answers.items():
        assert error(task, y, batch) == pytest.approx(stated[name]["squared_error"], abs=0.02), name


def test_a_baseline_by_hand():
    """ω = π/2 and gaps from 0+ to 1: E cos = (sin π/2) / (π/2) = 2/π; E cos² = 1/2."""
    stated = IrregularSeries(frequencies=(math.pi / 2,), shortest=1e-9, longest=1.0).baselines()
    assert stated["persistence"]["squared_error"] == pytest.approx(2 - 4 / math.pi)
    assert stated["no-time"]["squared_error"] == pytest.approx(1 - 4 / math.pi**2)
    assert stated["no-memory"]["squared_error"] == pytest.approx(0.5)


def test_the_regular_variant_has_equal_gaps():
    batch = drawn(IrregularSeries().suite()["regular"], rows=2)
    torch.testing.assert_close(batch.x[..., -1], torch.full((2, 60), 1.1), rtol=1e-5, atol=0)


def test_gaps_in_the_wrong_order_are_refused():
    with pytest.raises(InvalidOption, match=r"shortest = 3\.0 must be less than longest = 2\.0"):
        IrregularSeries(shortest=3.0)
