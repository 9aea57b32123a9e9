"""Experiments 2a, 2b and 2c against their text, read symbol by symbol."""

import math
from collections import Counter

import pytest
import torch

from recurra import InvalidOption
from recurra_long_lag.long_lag_task import LongLag


def draw(task, batch_size=50, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def test_the_sizes_are_those_of_the_published_networks():
    # 101 inputs and outputs in 2a and 2b with p = 100; 54 inputs and 2 outputs in 2c with p = 50.
    for experiment, p, sizes in (("2a", 100, (101, 101)), ("2b", 100, (101, 101)), ("2c", 50, (54, 2))):
        task = LongLag(experiment=experiment, p=p)
        assert (task.input_size, task.output_size) == sizes


def test_2a_has_two_sequences_with_the_same_middle():
    batch = draw(LongLag(p=4))
    rows = {tuple(row.tolist()) for row in batch.x.argmax(-1)}
    assert rows == {(3, 0, 1, 2), (4, 0, 1, 2)}
    assert (batch.target[:, :-1] == batch.x[:, 1:]).all()
    assert (batch.target[:, -1] == batch.x[:, 0]).all()
    assert batch.mask.all()
    assert batch.lengths.tolist() == [4] * 50


def test_2b_has_a_random_middle():
    batch = draw(LongLag(experiment="2b", p=5), 4000)
    symbols = batch.x.argmax(-1)
    assert set(symbols[:, 0].tolist()) == {4, 5}
    counts = torch.bincount(symbols[:, 1:].flatten())
    assert counts.tolist() == pytest.approx([4000] * 4, abs=5 * 55)
    assert (batch.target[:, :-1] == batch.x[:, 1:]).all()
    assert (batch.target[:, -1] == batch.x[:, 0]).all()


@pytest.mark.parametrize("experiment", ["2a", "2b", "2c"])
def test_x_and_y_are_as_frequent(experiment):
    task = LongLag(experiment=experiment, p=3)
    batch = draw(task, 4000)
    kind = batch.x[:, 1 if experiment == "2c" else 0, -1]
    assert kind.mean().item() == pytest.approx(0.5, abs=5 * 0.0079)


def test_2c_waits_for_a_trigger():
    p, q = 4, 6
    task = LongLag(experiment="2c", p=p, q=q)
    batch = draw(task, 3000)
    waited = Counter()
    for x, target, mask, steps in zip(*batch, strict=True):
        symbols = x[:steps].argmax(-1).tolist()
        assert (x[:steps].sum(-1) == 1).all()
        assert not x[steps:].any()
        assert symbols[0] == p + 1  # b
        assert symbols[-1] == p  # e
        assert all(s < p for s in symbols[2:-1])
        assert mask.nonzero()[:, 0].tolist() == [steps - 1]
        assert target[steps - 1].tolist() == [symbols[1] == p + 2, symbols[1] == p + 3]
        assert target.sum() == 1
        waited[int(steps) - q - 3] += 1
    # The number of further distractors is geometric: 9 on average, none in a tenth.
    assert min(waited) == 0
    assert sum(n * count for n, count in waited.items()) / 3000 == pytest.approx(
        9, abs=5 * math.sqrt(90 / 3000)
    )
    assert waited[0] / 3000 == pytest.approx(0.1, abs=5 * 0.0055)


def test_2c_has_as_many_distractors_as_kinds_unless_told():
    lengths = draw(LongLag(experiment="2c", p=7), 500).lengths
    assert lengths.min() == 7 + 3
    assert draw(LongLag(experiment="2c", p=7, q=20), 500).lengths.min() == 20 + 3


@pytest.mark.parametrize(("experiment", "bound"), [("2a", 0.25), ("2b", 0.25), ("2c", 0.2)])
def test_an_error_at_the_bound_is_wrong(experiment, bound):
    task = LongLag(experiment=experiment, p=3)
    batch = draw(task, 2)
    for error, wrong in ((bound - 1e-3, 0.0), (bound + 1e-3, 0.5)):
        y = task.oracle(batch)
        last = int(batch.lengths[0]) - 1
        target = batch.target[0, last, -1]
        y[0, last, -1] = torch.logit((target - error).abs())
        assert task.scores(y, batch)["wrong_share"].value == wrong


@pytest.mark.parametrize(("experiment", "wrong"), [("2a", 1.0), ("2b", 0.0)])
def test_errors_before_the_end_count_in_2a_alone(experiment, wrong):
    task = LongLag(experiment=experiment, p=6)
    batch = draw(task, 3)
    y = task.oracle(batch)
    y[:, 2] = 0.0
    assert task.scores(y, batch)["wrong_share"].value == wrong
    assert task.loss(y, batch) > 0.01  # and are learned in both


def test_the_suite_has_the_lags_of_the_paper():
    suite = LongLag(experiment="2c", p=50).suite()
    assert list(suite) == [f"lag-{q}" for q in (50, 100, 200, 500, 1000)]
    assert [task.q for task in suite.values()] == [50, 100, 200, 500, 1000]
    assert {task.p for task in suite.values()} == {50}
    assert {name: task.experiment for name, task in LongLag(experiment="2b", p=9).suite().items()} == {
        "lag-9": "2b"
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"q": 5}, "q = 5 belongs to experiment 2c; in 2a the lag is p"),
        ({"experiment": "2d"}, "experiment"),
        ({"p": 1}, "p"),
    ],
)
def test_wrong_options_are_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        LongLag(**options)
