"""The two-sequence problem against its text."""

import pytest
import torch

from recurra import InvalidOption
from recurra_lab import goal_scores
from recurra_long_lag.two_sequence_task import TwoSequence


def draw(task, batch_size=2000, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def due(batch):
    """The targets at the ends, (B, 1 or 2)."""
    return batch.target[batch.mask]


@pytest.mark.parametrize("experiment", ["3a", "3b", "3c"])
def test_the_class_is_told_by_the_first_numbers_and_due_at_the_end(experiment):
    task = TwoSequence(experiment=experiment, length=40, signal=3)
    batch = draw(task)
    lengths = batch.lengths
    assert (lengths.min(), lengths.max()) == (40, 44)
    assert torch.equal(batch.mask.nonzero()[:, 1], lengths - 1)
    assert not batch.target[~batch.mask].any()
    first, second = (0.2, 0.8) if experiment == "3c" else (1.0, 0.0)
    positive = due(batch)[:, -1] == first
    assert ((due(batch)[:, -1] == second) | positive).all()
    assert positive.double().mean() == pytest.approx(0.5, abs=5 * 0.0112)
    signal, noise = batch.x[:, :3, 0], batch.x[:, 3:40, 0]
    deviation = signal - torch.where(positive, 1.0, -1.0)[:, None]
    assert deviation.var().item() == pytest.approx(0.2 if experiment == "3b" else 0.0, abs=0.02)
    assert deviation.mean().item() == pytest.approx(0, abs=0.03)
    assert noise.var().item() == pytest.approx(0.2, abs=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert not batch.x[torch.arange(batch.x.shape[1]) >= lengths[:, None]].any()


def test_lengths_are_even():
    counts = torch.bincount(draw(TwoSequence(length=30), 4000).lengths)[30:]
    assert counts.tolist() == pytest.approx([1000] * 4, abs=5 * 28)


def test_3c_learns_noisy_targets_and_is_judged_by_clean_ones():
    task = TwoSequence(experiment="3c", length=10)
    batch = draw(task)
    noise = due(batch)[:, 0] - due(batch)[:, 1]
    assert noise.mean().item() == pytest.approx(0, abs=5 * 0.0071)
    assert noise.var().item() == pytest.approx(0.1, abs=0.016)
    y = task.oracle(batch)
    assert task.scores(y, batch)["absolute_error"].value == pytest.approx(0, abs=1e-5)
    assert task.loss(y, batch).item() == pytest.approx(0.1, abs=0.016)
    off = torch.logit(torch.sigmoid(y) + 0.099), torch.logit(torch.sigmoid(y) + 0.101)
    assert [task.scores(answer, batch)["wrong_share"].value for answer in off] == [0, 1]


@pytest.mark.parametrize(
    ("options", "bound"),
    [({}, 0.2), ({"experiment": "3b"}, 0.2), ({"experiment": "3c"}, 0.1), ({"tolerance": 0.04}, 0.04)],
)
def test_the_bound_is_that_of_the_paper_unless_told(options, bound):
    assert TwoSequence(**options).tolerance == bound


def test_the_goals_are_st1_and_the_criterion_of_3c():
    assert not TwoSequence().goal.met(1 / 256)
    assert TwoSequence().goal.met(0)
    second = TwoSequence(experiment="3b").goal
    assert (second.met(5 / 256), second.met(6 / 256)) == (True, False)
    third = TwoSequence(experiment="3c").goal
    assert (third.score, third.below) == ("absolute_error", 0.015)


def test_the_loss_can_be_the_cross_entropy():
    task = TwoSequence(length=10, loss="cross-entropy")
    batch = draw(task, 8)
    assert task.loss(torch.zeros_like(batch.x), batch).item() == pytest.approx(0.6931, abs=1e-4)
    assert TwoSequence(length=10).loss(torch.zeros_like(batch.x), batch).item() == 0.25


def test_the_suite_has_the_lengths_of_the_paper():
    suite = TwoSequence(experiment="3b", length=20, signal=1, variance=0.1).suite()
    assert list(suite) == ["length-100", "length-1000"]
    assert [task.length for task in suite.values()] == [100, 1000]
    for task in suite.values():
        assert (task.experiment, task.signal, task.variance) == ("3b", 1, 0.1)
    assert list(TwoSequence(experiment="3c").suite()) == ["length-100"]


@pytest.mark.parametrize(
    "options", [{"experiment": "3d"}, {"length": 0}, {"signal": 0}, {"variance": 0.0}, {"tolerance": 1.0}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        TwoSequence(**options)


@pytest.mark.parametrize("experiment", ["3a", "3c"])
def test_many_models_are_scored_as_each_is_alone(experiment):
    task = TwoSequence(experiment=experiment, length=20)
    batch = draw(task, 16)
    y = 3 * torch.randn(5, *batch.mask.shape, 1)
    alone = [task.scores(own, batch)[task.goal.score].value for own in y]
    assert goal_scores(task, y, batch).tolist() == pytest.approx(alone)
