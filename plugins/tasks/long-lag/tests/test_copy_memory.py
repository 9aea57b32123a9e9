"""The copy memory task against its text."""

import pytest
import torch

from recurra import InvalidOption
from recurra_long_lag.copy_memory_task import CopyMemory


def draw(task, batch_size=50, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("recall", "shown"), [("blank", 8), ("delimiter", 9)])
def test_the_symbols_come_again_after_the_pause(recall, shown):
    lag = 7
    batch = draw(CopyMemory(length=lag, recall=recall))
    assert batch.lengths.tolist() == [lag + 20] * 50
    assert batch.mask.all()
    for seen, due in zip(batch.x.argmax(-1).tolist(), batch.target.argmax(-1).tolist(), strict=True):
        assert all(symbol < 8 for symbol in seen[:10])
        assert seen[10:] == [8] * (lag - 1) + [9] + [shown] * 10
        assert due == [8] * (lag + 10) + seen[:10]
    assert (batch.x.sum(-1) == 1).all()
    assert (batch.target.sum(-1) == 1).all()


def test_symbols_are_even():
    batch = draw(CopyMemory(length=1), 2000)
    shares = batch.x[:, :10].mean((0, 1))
    assert shares.tolist() == pytest.approx([1 / 8] * 8 + [0, 0], abs=5 * 0.0024)


def test_other_numbers_of_symbols():
    task = CopyMemory(length=1, symbols=3, copied=2)
    batch = draw(task, 200)
    assert batch.x.shape == (200, 5, 5)
    assert set(batch.x[:, :2].argmax(-1).flatten().tolist()) == {0, 1, 2}
    assert (batch.x[:, 2].argmax(-1) == 4).all()


def test_the_delimiter_is_the_only_thing_between_at_the_least_lag():
    seen = draw(CopyMemory(length=1), 1).x[0].argmax(-1).tolist()
    assert seen[10:] == [9] + [8] * 10


def test_wrong_symbols_are_counted_per_sequence():
    task = CopyMemory(length=5)
    batch = draw(task, 2)
    y = task.oracle(batch)
    y[0, [-1, -4]] = y[0, [-1, -4]].roll(1, -1)
    y[1, 3] = -y[1, 3]  # long before the answer
    scores = task.scores(y, batch)
    assert scores["wrong_symbols"].value == 1
    assert scores["nats_per_step"].value > 5
    assert not task.goal.met(1)
    assert scores["nats_per_step"].value == pytest.approx(task.loss(y, batch).item())


def test_the_suite_has_the_lags_of_the_papers():
    suite = CopyMemory(length=5, recall="delimiter").suite()
    assert {name: task.length for name, task in suite.items()} == {
        f"lag-{n}": n for n in (100, 200, 300, 500, 1000)
    }
    assert {task.options["recall"] for task in suite.values()} == {"delimiter"}


@pytest.mark.parametrize("options", [{"length": 0}, {"symbols": 1}, {"copied": 0}, {"recall": "nothing"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        CopyMemory(**options)
