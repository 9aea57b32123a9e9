"""Chaotic systems: their trajectories against scipy, windows, free runs and valid times."""

import math

import pytest
import torch
from scipy.integrate import solve_ivp

from recurra import InvalidOption
from recurra_dynamics import chaos
from recurra_dynamics.chaos import PARTS, Chaos, Lorenz, Rossler, _lorenz, _rossler
from recurra_dynamics.trajectory import runge_kutta, trajectory

SYSTEMS = [(Lorenz, _lorenz), (Rossler, _rossler)]


@pytest.fixture(params=[Lorenz, Rossler])
def task(request):
    return request.param()


@pytest.mark.parametrize(("kind", "flow"), SYSTEMS)
def test_the_trajectory_is_that_of_scipy(kind, flow):
    """For five intervals; a chaotic system does not let two methods agree for ever."""
    ours = trajectory(flow, kind.first, interval=kind.interval, substeps=10, settle=0, samples=5)
    times = [kind.interval * n for n in range(1, 6)]
    solved = solve_ivp(
        lambda t, p: flow(*p), (0, times[-1]), kind.first, t_eval=times, rtol=1e-10, atol=1e-12
    )
    for point, expected in zip(ours, solved.y.T, strict=True):
        assert point == pytest.approx(tuple(expected), rel=1e-4)


def test_the_method_is_of_fourth_order():
    """For dx/dt = x a step multiplies by 1 + h + h²/2 + h³/6 + h⁴/24."""
    factor = 1 + 0.5 + 0.125 + 0.5**3 / 6 + 0.5**4 / 24
    found = runge_kutta(lambda x, y, z: (x, 2 * y, 0.0), (2.0, 1.0, 7.0), 0.5)
    assert found == pytest.approx((2 * factor, 1 + 1 + 0.5 + 1 / 6 + 1 / 24, 7))


def test_a_slope_of_the_lorenz_system_by_hand():
    assert _lorenz(1.0, 2.0, 3.0) == (10.0, 23.0, 2.0 - 8.0)
    assert _rossler(1.0, 2.0, 3.0) == pytest.approx((-5.0, 1.4, 0.2 + 3 * -4.7))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "flow"), SYSTEMS)
def test_the_stated_exponent_is_how_fast_neighbours_part(kind, flow):
    """Two neighbours at a distance of 1e-8, renewed after every interval, over 4,000 intervals."""
    point = tuple(
        map(
            float, trajectory(flow, kind.first, interval=kind.interval, substeps=10, settle=500, samples=1)[0]
        )
    )
    near, growth, h = (point[0] + 1e-8, *point[1:]), 0.0, kind.interval / 10
    steps = 4000 if kind is Rossler else 2000
    for _ in range(steps):
        for _ in range(10):
            point, near = runge_kutta(flow, point, h), runge_kutta(flow, near, h)
        gap = [b - a for a, b in zip(point, near, strict=True)]
        growth += math.log(math.hypot(*gap) / 1e-8)
        near = tuple(a + g * 1e-8 / math.hypot(*gap) for a, g in zip(point, gap, strict=True))
    assert growth / (steps * kind.interval) == pytest.approx(kind.exponent, rel=0.1)


def test_training_is_standardised_and_splits_do_not_meet(task):
    train = task.series[:6000]
    torch.testing.assert_close(train.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(train.square().mean(0), torch.ones(3).double())
    ends = {split: (task._starts(split)[0], task._starts(split)[-1] + task.steps) for split in PARTS}
    assert ends["train"] == (0, 5999)
    assert ends["validation"] == (6000, 7999)
    assert ends["test"] == (8000, 9999)


def test_a_row_is_a_window_and_its_target_the_next_point(task):
    batch = task.batch(0, batch_size=3, seed=0, split="test")
    assert torch.equal(batch.x[:, 1:], batch.target[:, :-1])
    starts = [int((task.series.float() == row[0]).all(1).nonzero()) for row in batch.x]
    for start, row in zip(starts, batch.target, strict=True):
        assert start in task._starts("test")
        assert torch.equal(row, task.series[start + 1 : start + 301].float())
    assert batch.mask.sum(1).tolist() == [200] * 3


def test_valid_times_by_hand():
    """Errors 0.3, 0.39, 0.5, 0: two steps are valid. An error from the start: none. NaN ends a run."""
    errors = torch.tensor(
        [[0.3, 0.39, 0.5, 0.0], [0.41, 0, 0, 0], [0.1, math.nan, 0, 0], [0, 0, 0, 0]]
    ).double()
    task = Lorenz()
    found = task.valid_times(errors[..., None].expand(-1, -1, 3), torch.zeros(4, 4, 3))
    step = 0.05 * 0.9056
    assert found.tolist() == pytest.approx([2 * step, 0, step, 4 * step])


def test_one_wrong_coordinate_counts_a_third():
    """The root mean square of (e, 0, 0) is e / √3: 0.69 is valid and 0.70 is not."""
    free = torch.zeros(2, 1, 3).double()
    free[:, 0, 0] = torch.tensor([0.69, 0.70])
    assert (Lorenz().valid_times(free, torch.zeros(2, 1, 3)) > 0).tolist() == [True, False]


def exact(task):
    """Return the system itself as a network: the next point of each point, by interpolation in the series."""

    def network(x, state, lengths=None):
        series = task.series.float()
        places = torch.cdist(x.flatten(0, 1), series[:-1]).argmin(1)
        return series[places + 1].view(x.shape), None

    return network


def test_a_free_run_reads_its_own_outputs_and_the_system_is_valid_to_the_end():
    task = Lorenz(steps=30, warm_up=10)
    batch = task.batch(0, batch_size=2, seed=0, split="test")
    calls = []

    def watched(x, state, lengths=None):
        y, _ = exact(task)(x, state)
        calls.append((x, y, state))
        return y, len(calls)

    free = task.free_run(watched, batch)
    assert free.shape == (2, 20, 3)
    assert torch.equal(free, batch.target[:, 9:29])
    assert torch.equal(calls[0][0], batch.x[:, :10])
    for (_, y, _), (x, _, state), n in zip(calls, calls[1:], range(1, 20), strict=False):
        assert torch.equal(x, y[:, -1:])
        assert state == n
    scores = task.evaluate(exact(task), batch).scores
    assert scores["squared_error"].value == 0
    assert scores["valid_lyapunov_times"].value == pytest.approx(20 * 0.05 * 0.9056)


def test_baselines_are_those_of_networks(monkeypatch):
    """The mean and the last point, evaluated as networks on every window of a short test part."""
    monkeypatch.setitem(chaos.PARTS, "test", (8000, 8400))
    task = Lorenz()
    starts, stated = task._starts("test"), task.baselines()
    batch = task._windows(torch.arange(starts.start, starts.stop))
    for name, network in {
        "constant": lambda x, state, lengths=None: (torch.zeros_like(x), None),
        "persistence": lambda x, state, lengths=None: (x, None),
    }.items():
        scores = task.evaluate(network, batch).scores
        assert {key: score.value for key, score in scores.items()} == pytest.approx(stated[name])
    assert stated["optimal"]["valid_lyapunov_times"] == pytest.approx(200 * 0.05 * 0.9056)


def test_a_system_that_settles_and_a_row_without_a_scored_step_are_refused(monkeypatch):
    monkeypatch.setattr(chaos, "SUBSTEPS", 1)

    class Still(Chaos):
        first, interval, exponent = (1.0, 1.0, 1.0), 1.0, 1.0

        def __init__(self):
            super().__init__(lambda x, y, z: (-x, -y, -z), 3, 1)

    with pytest.raises(InvalidOption, match="Still: the system settles with these parameters"):
        Still()
    with pytest.raises(InvalidOption, match="Lorenz: warm_up = 300 must be less than steps = 300"):
        Lorenz(warm_up=300)
