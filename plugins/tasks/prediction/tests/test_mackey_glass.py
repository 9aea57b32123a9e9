"""The Mackey-Glass series: its equation, its splits and its references."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_prediction.mackey_glass import LENGTH, MackeyGlass, series


def solved_finely(tau, until, h=0.01):
    """Integrate with Heun's method and a step ten times as small."""
    delay = round(tau / h)
    x = [1.2] * (delay + 1)

    def slope(now, then):
        return 0.2 * then / (1 + then**10) - 0.1 * now

    for n in range(round(until / h)):
        k1 = slope(x[-1], x[n])
        x.append(x[-1] + h / 2 * (k1 + slope(x[-1] + h * k1, x[n + 1])))
    return x[delay :: round(1 / h)]


def test_the_equation_is_solved(monkeypatch):
    """Two methods agree for a while; a chaotic series does not let them agree for ever."""
    from recurra_prediction import mackey_glass

    monkeypatch.setattr(mackey_glass, "SETTLED", 0)
    monkeypatch.setattr(mackey_glass, "LENGTH", 100)
    ours = mackey_glass.series.__wrapped__(17)
    assert len(ours) == 100
    assert ours == pytest.approx(solved_finely(17, 101)[1:101], abs=1e-4)


def test_a_short_delay_settles_where_gain_and_loss_are_equal_and_is_refused():
    # 0.2 / (1 + x^10) = 0.1 at x = 1.
    assert series(2)[-1] == pytest.approx(1)
    with pytest.raises(InvalidOption, match="tau = 2 gives a constant series; choose 17 or more"):
        MackeyGlass(tau=2)


def test_the_series_of_delay_17_is_bounded_and_never_repeats():
    values = torch.tensor(series(17))
    assert len(values) == LENGTH
    assert 0.2 < values.min() < values.max() < 1.4
    assert len(set(series(17))) == LENGTH


@pytest.mark.parametrize("horizon", [6, 84])
def test_the_target_is_the_series_a_horizon_later(horizon):
    task = MackeyGlass(horizon=horizon, steps=50, warm_up=20)
    place = {round(v, 5): n for n, v in enumerate(task.shown[:, 0].tolist())}
    batch = task.batch(0, batch_size=8, seed=0, split="test")
    found = 0
    for x, target in zip(batch.x, batch.target, strict=True):
        n = place.get(round(x[-1, 0].item(), 5))
        if n is not None and torch.equal(task.shown[n - 49 : n + 1], x):
            found += 1
            assert torch.equal(target[20:], task.shown[n - 29 + horizon : n + 1 + horizon])
            assert not target[:20].any()
    assert found >= 4
    assert batch.mask.sum(1).tolist() == [30] * 8


def test_the_mean_of_the_training_part_scores_its_variance():
    task = MackeyGlass()
    train = task.series[:6000]
    assert train.mean().item() == pytest.approx(0, abs=1e-9)
    assert train.square().mean().item() == pytest.approx(1)
    test = task.series[8000:]
    assert task.baselines()["constant"]["squared_error"] == pytest.approx(test.square().mean().item())
    persistence = (task.series[8000 - 84 : -84] - test).square().mean().item()
    assert task.baselines()["persistence"]["squared_error"] == pytest.approx(persistence)


def test_one_step_ahead_persistence_is_good():
    assert math.sqrt(MackeyGlass(horizon=1).baselines()["persistence"]["squared_error"]) < 0.2


def test_a_row_without_a_scored_step_is_refused():
    with pytest.raises(InvalidOption, match="warm_up = 200 must be less than steps = 200"):
        MackeyGlass(warm_up=200)
