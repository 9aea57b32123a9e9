"""XOR in time and the stream of blocks, against what their papers say and against plain Python."""

import math

import pytest
import torch

from recurra_prediction.chunker import ChunkerStream
from recurra_prediction.xor import XorInTime


def draw(task, k=0, batch_size=8, split="train"):
    return task.batch(k, batch_size=batch_size, seed=0, split=split)


def test_every_third_bit_is_the_xor_of_the_two_before():
    batch = draw(XorInTime(triples=50))
    for x, target in zip(batch.x[..., 0].tolist(), batch.target[..., 0].tolist(), strict=True):
        stream = [*x, target[-1]]
        assert stream[1:] == target
        assert len(stream) == 150
        for n in range(0, 150, 3):
            assert stream[n + 2] == (stream[n] + stream[n + 1]) % 2


def test_the_bits_that_are_drawn_are_even():
    pairs = torch.cat([draw(XorInTime(), k, 64).x[:, :, 0] for k in range(4)])
    for first in (0, 1):
        drawn = pairs[:, first::3]
        # 25,600 bits: the deviation of their mean is 0.003.
        assert drawn.mean().item() == pytest.approx(0.5, abs=5 * 0.0032)


def test_a_stream_of_the_papers_length():
    assert draw(XorInTime().suite()["triples-1000"], batch_size=1).x.shape == (1, 2999, 1)
    assert XorInTime(loss="cross-entropy").suite()["triples-100"].options["loss"] == "cross-entropy"


def test_who_remembers_two_bits_scores_as_the_optimum_says():
    task = XorInTime(triples=200)
    batch = draw(task, batch_size=32)
    y = torch.zeros_like(batch.target)
    for t in range(1, y.shape[1], 3):
        same = batch.x[:, t] == batch.x[:, t - 1]
        y[:, t] = torch.where(same, -30.0, 30.0)
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == pytest.approx(task.baselines()["optimal"], abs=1e-6)
    blind = {name: score.value for name, score in task.scores(torch.full_like(y, 1e-9), batch).items()}
    expected = task.baselines()["constant"]
    assert blind == pytest.approx(expected, abs=5 * 0.5 / math.sqrt(32 * 200))


def test_losses_of_a_bit_are_the_squared_error_and_the_cross_entropy():
    batch = draw(XorInTime(triples=4))
    y = torch.full_like(batch.target, math.log(3))  # a probability of 3/4
    ones = batch.target.mean().item()
    assert XorInTime(triples=4).loss(y, batch).item() == pytest.approx(ones / 16 + (1 - ones) * 9 / 16)
    nats = -ones * math.log(0.75) - (1 - ones) * math.log(0.25)
    assert XorInTime(triples=4, loss="cross-entropy").loss(y, batch).item() == pytest.approx(nats)


@pytest.mark.parametrize("lag", [1, 20])
def test_blocks_follow_each_other_and_their_label_tells_how_they_began(lag):
    task = ChunkerStream(lag=lag, blocks=4)
    batch = draw(task)
    begun = []
    for x, target in zip(batch.x, batch.target, strict=True):
        symbols = x.argmax(-1).tolist()
        following = target[:, :-1].argmax(-1).tolist()
        assert symbols[1:] == following[:-1]
        assert x.sum(-1).tolist() == [1] * len(symbols)
        assert len(symbols) == 4 * (lag + 1)
        for n in range(0, len(symbols), lag + 1):
            assert symbols[n] in (0, 1)
            assert symbols[n + 1 : n + lag + 1] == list(range(2, lag + 2))
            labels = target[n : n + lag + 1, -1].tolist()
            assert labels == [0.0] * lag + [1.0 - symbols[n]]
            begun.append(symbols[n])
        assert following[-1] in (0, 1)
    assert {0, 1} == set(begun)


def test_the_papers_stream_has_22_symbols_and_a_lag_of_20():
    task = ChunkerStream()
    assert (task.input_size, task.output_size) == (22, 23)
    batch = draw(task)
    due = batch.x[0, :, -1].nonzero().flatten().tolist()
    assert due == [20, 41, 62, 83, 104]


def test_a_and_x_are_equally_likely():
    first = torch.cat([draw(ChunkerStream(), k, 64).x[:, ::21, 0] for k in range(8)])
    assert first.mean().item() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(first.numel()))


def test_the_best_constant_answer_scores_as_the_reference_says():
    task = ChunkerStream(blocks=200)
    batch = draw(task, batch_size=16)
    y = torch.zeros(*batch.mask.shape, 23)
    y[..., 5] = 1.0
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    reference = task.baselines()["constant"]
    assert scores["symbol_wrong"] == pytest.approx(reference["symbol_wrong"]) == 0.95
    assert scores["label_wrong"] == pytest.approx(reference["label_wrong"], abs=5 * 0.5 / math.sqrt(3200))


def test_one_wrong_label_and_one_wrong_symbol_are_counted():
    task = ChunkerStream(blocks=2)
    batch = draw(task, batch_size=1)
    y = task.oracle(batch)
    y[0, 20, -1] *= -1
    y[0, 3] = 0
    y[0, 3, 0] = 1
    scores = task.scores(y, batch)
    assert scores["label_wrong"].value == 1 / 2
    assert scores["symbol_wrong"].value == 1 / 40
    y[0, 41, :-1] *= -1  # which of a and x comes next is not scored
    assert task.scores(y, batch) == scores


def test_the_loss_is_that_of_the_symbols_plus_that_of_the_labels():
    task = ChunkerStream(blocks=3)
    batch = draw(task)
    zeros = torch.zeros(*batch.mask.shape, 23)
    assert task.loss(zeros, batch).item() == pytest.approx(math.log(22) + math.log(2), rel=1e-5)
    only = zeros.clone()
    only[..., :-1] = task.oracle(batch)[..., :-1]
    assert task.loss(only, batch).item() == pytest.approx(math.log(2), rel=1e-5)


def test_the_suite_has_longer_streams():
    suite = ChunkerStream(lag=3).suite()
    assert [draw(task, batch_size=1).x.shape[1] for task in suite.values()] == [20, 200]
