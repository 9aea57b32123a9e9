"""Spikes against counting in plain Python, their scores by hand and their references by simulation."""

from collections import Counter

import pytest
import torch

from recurra import InvalidOption
from recurra_timing.spikes import GTS, MSD, NMSD


def sampled(task, rows=50, seed=0):
    return task.sample(rows, torch.Generator().manual_seed(seed))


def measured(spikes, least):
    """The delay at every spike but the first, by counting steps."""
    since, found = 0, {}
    for t, spike in enumerate(spikes):
        since += 1
        if spike and t:
            found[t] = since - least
        if spike:
            since = 0
    return found


@pytest.mark.parametrize(("extras", "allowed"), [("two", {0, 4}), ("all", {0, 1, 2, 3, 4})])
def test_the_delay_is_what_counting_finds(extras, allowed):
    task = MSD(least=7, largest_extra=4, extras=extras, intervals=12, output="identity")
    batch, seen = sampled(task), Counter()
    for x, target, mask, length in zip(*batch, strict=True):
        spikes = x[:, 0].tolist()
        found = measured(spikes, 7)
        assert spikes[0] == 1
        assert len(found) == 12
        assert mask.nonzero()[:, 0].tolist() == list(found)
        assert max(found) == length - 1
        assert {t: target[t, 0].item() for t in found} == found
        seen.update(found.values())
    assert set(seen) == allowed
    mean = 600 / len(allowed)
    assert all(abs(count - mean) < 5 * mean**0.5 for count in seen.values())


def test_a_stream_by_hand():
    task = MSD(least=3, intervals=2)
    batch = sampled(task, 200)
    both = {tuple(x[: int(n), 0].int().tolist()) for x, n in zip(batch.x, batch.lengths, strict=True)}
    assert both == {
        (1, 0, 0, 1, 0, 0, 1),
        (1, 0, 0, 0, 1, 0, 0, 1),
        (1, 0, 0, 1, 0, 0, 0, 1),
        (1, 0, 0, 0, 1, 0, 0, 0, 1),
    }


def test_one_interval_is_measured_after_a_reset():
    batch = sampled(NMSD(least=5), 200)
    assert set(batch.lengths.tolist()) == {6, 7}
    assert (batch.x.sum((1, 2)) == 2).all()
    assert (batch.mask.sum(1) == 1).all()
    assert batch.target[torch.arange(200), batch.lengths - 1, 0].tolist() == (batch.lengths - 6).tolist()


def generated(told, least, throughout):
    """When spikes are due, reading nothing but the delays told so far."""
    due, spike, t = [], 0, 0
    while t < len(told):
        extra = told[t]
        spike += least + int(extra)
        if throughout:
            assert told[t:spike] == [extra] * (spike - t)
        else:
            assert not any(told[t + 1 : spike])
        due.append(spike)
        t = spike
        if t == len(told) - 1:
            break
    return due


@pytest.mark.parametrize("shown", ["start", "throughout"])
def test_spikes_are_due_at_the_told_intervals(shown):
    task = GTS(least=6, largest_extra=5, extras="all", intervals=9, shown=shown)
    batch = sampled(task)
    for x, target, mask, length in zip(*batch, strict=True):
        told = x[:length, 0].tolist()
        due = generated(told, 6, shown == "throughout")
        assert len(due) == 9
        assert target[:, 0].nonzero()[:, 0].tolist() == due
        assert due[-1] == length - 1
        assert mask.tolist() == [0 < t < length for t in range(len(mask))]
        assert not x[length - 1 :].any()


def test_measuring_and_generating_are_inverse():
    options = {"least": 8, "largest_extra": 3, "extras": "all", "intervals": 20, "output": "identity"}
    seen, due = sampled(MSD(**options), seed=4), sampled(GTS(**options), seed=4)
    assert torch.equal(seen.x[:, 1:], due.target[:, 1:])
    starts = seen.x[..., 0].bool()
    ends = starts.clone()
    ends[:, 0] = False
    assert due.x[starts & (torch.arange(starts.shape[1]) < seen.lengths[:, None] - 1)].flatten().tolist() == (
        seen.target[ends].flatten().tolist()
    )


def test_the_score_counts_intervals_before_the_first_error():
    task = MSD(least=4, intervals=5)
    batch = sampled(task, 2)
    y = task.oracle(batch)
    third = int(batch.mask[0].nonzero()[2])
    y[0, third] *= -1
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores["failed_share"] == 0.5
    assert scores["intervals_before_error"] == (2 + 5) / 2
    assert scores["squared_error"] == pytest.approx(0.1)


def test_a_spike_too_early_ends_the_stream_before_its_interval():
    task = GTS(least=4, intervals=5)
    batch = sampled(task, 1)
    second = int(batch.target[0, :, 0].nonzero()[1])
    y = task.oracle(batch)
    y[0, second - 1] *= -1
    assert task.scores(y, batch)["intervals_before_error"].value == 1


@pytest.mark.parametrize(("error", "failed"), [(0.48, 0), (0.49, 1), (-0.5, 1)])
def test_the_tolerance_is_on_the_absolute_error(error, failed):
    task = MSD(output="identity")
    batch = sampled(task, 3)
    assert task.scores(batch.target.double() + error, batch)["failed_share"].value == failed


def best_constant(task, batch, score, values, least):
    found = []
    for value in values:
        y = torch.full_like(batch.target, float(value))
        found.append(task.scores(y, batch)[score].value)
    return min(found) if least else max(found)


@pytest.mark.parametrize(
    "task",
    [
        MSD(intervals=3, output="identity"),
        MSD(intervals=2, largest_extra=4, extras="all", output="identity"),
        NMSD(largest_extra=6, output="identity"),
        GTS(least=5, intervals=200, output="identity"),
    ],
    ids=lambda task: f"{type(task).__name__}-{task.intervals}",
)
def test_the_references_are_what_a_simulation_finds(task):
    batch = sampled(task, 4000 if task.intervals < 10 else 50, seed=8)
    constant, optimal = task.baselines().values()
    values = torch.linspace(0, 6, 121)
    for score, least in (("failed_share", True), ("intervals_before_error", False), ("squared_error", True)):
        found = best_constant(task, batch, score, values, least)
        assert found == pytest.approx(constant[score], rel=0.06, abs=1e-3), score
    right = {name: score.value for name, score in task.scores(task.oracle(batch), batch).items()}
    assert right == optimal


def test_the_suite_is_that_of_the_paper():
    for task in (MSD(least=20, tolerance=0.3), GTS(least=20, shown="throughout")):
        suite = task.suite()
        assert list(suite) == ["intervals-100", "intervals-1000"]
        assert [variant.intervals for variant in suite.values()] == [100, 1000]
        for variant in suite.values():
            assert {**variant.options, "intervals": 10} == task.options
    assert list(NMSD().suite()) == ["test"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: MSD(largest_extra=5),
            "MSD: output = sigmoid stays below 1 and cannot represent the delay 5; choose",
        ),
        (
            lambda: NMSD(largest_extra=2),
            "NMSD: output = sigmoid stays below 1 and cannot represent the delay 2",
        ),
        (lambda: MSD(largest_extra=11), "largest_extra"),
        (lambda: GTS(least=1), "least"),
        (lambda: GTS(tolerance=0.5), "tolerance"),
        (lambda: GTS(shown="end"), "shown"),
        (lambda: NMSD(intervals=2), "intervals"),
    ],
)
def test_impossible_options_are_refused(make, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        make()
