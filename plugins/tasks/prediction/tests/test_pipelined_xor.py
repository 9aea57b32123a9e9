"""Pipelined XOR against a stream worked by hand and against plain Python."""

import math

import pytest
import torch

from recurra import Batch, InvalidOption
from recurra_prediction.pipelined_xor import PipelinedXor


def draw(task, k=0, batch_size=8):
    return task.batch(k, batch_size=batch_size, seed=0, split="train")


def naive(pairs, delay):
    """Return the XOR that is due at each step, None where none is: a queue as long as the delay."""
    waiting, due = [None] * delay, []
    for first, second in pairs:
        waiting.append(first != second)
        due.append(waiting.pop(0))
    return due


def test_a_stream_worked_by_hand(monkeypatch):
    pairs = torch.tensor([[[0, 1], [1, 1], [1, 0], [0, 0], [1, 1], [0, 1]]])
    monkeypatch.setattr(torch, "randint", lambda *args, **kwargs: pairs)
    batch = PipelinedXor(delay=2, length=6).sample(1, torch.Generator())
    assert batch.x.tolist() == pairs.tolist()
    assert batch.mask.tolist() == [[False, False, True, True, True, True]]
    assert batch.target[0, 2:, 0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("delay", [1, 2, 5, 29])
def test_what_is_due_is_the_xor_of_the_bits_so_many_steps_before(delay):
    batch = draw(PipelinedXor(delay=delay, length=30))
    for x, target, mask in zip(batch.x.tolist(), batch.target[..., 0].tolist(), batch.mask, strict=True):
        due = naive(x, delay)
        assert [bit is not None for bit in due] == mask.tolist()
        assert [bit for bit in due if bit is not None] == target[delay:]


def test_the_bits_are_even_and_independent():
    pairs = torch.cat([draw(PipelinedXor(), k, 64).x for k in range(4)]).flatten(0, 1)
    kinds = (2 * pairs[:, 0] + pairs[:, 1]).long().bincount(minlength=4) / len(pairs)
    deviation = math.sqrt(0.25 * 0.75 / len(pairs))
    assert kinds.tolist() == pytest.approx([0.25] * 4, abs=5 * deviation)


def test_the_suite_keeps_the_delay_and_the_loss():
    suite = PipelinedXor(delay=4, loss="cross-entropy").suite()
    shapes = {name: draw(task, batch_size=1).x.shape for name, task in suite.items()}
    assert shapes == {"length-300": (1, 300, 2), "length-1000": (1, 1000, 2)}
    assert all(task.delay == 4 and not task.squared for task in suite.values())


def test_the_longest_delay_has_a_suite():
    suite = PipelinedXor(delay=100).suite().values()
    assert [int(draw(task, batch_size=1).mask.sum()) for task in suite] == [200, 900]


def test_a_delay_past_the_end_of_a_row_is_refused():
    with pytest.raises(InvalidOption, match="delay = 9 must be less than length = 9"):
        PipelinedXor(delay=9, length=9)


def test_wrong_bits_are_counted_where_an_answer_is_due():
    task = PipelinedXor(delay=2, length=4)
    target = torch.tensor([0.0, 1.0, 1.0, 0.0])[None, :, None]
    mask = torch.tensor([[False, False, True, True]])
    batch = Batch(torch.zeros(1, 4, 2), target, mask, torch.tensor([4]))
    y = torch.tensor([9.0, -9.0, math.log(3), math.log(3)])[None, :, None]  # a probability of 3/4
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == pytest.approx({"wrong_share": 1 / 2, "squared_error": (1 / 16 + 9 / 16) / 2})
    assert task.loss(y, batch).item() == pytest.approx(scores["squared_error"])


def test_three_logistic_units_answer_one_step_later():
    """One is OR and one is AND of what comes in; a third sees them a step later, and its s is the answer."""
    #                   x1    x2   answer OR    AND    bias
    w = torch.tensor([[0.0, 0.0, 0.0, 40.0, -40.0, -20.0],
                      [40.0, 40.0, 0.0, 0.0, 0.0, -20.0],
                      [40.0, 40.0, 0.0, 0.0, 0.0, -60.0]])  # fmt: skip
    task = PipelinedXor(delay=1)
    batch = draw(task)
    u, answers = torch.zeros(8, 3), []
    for x in batch.x.unbind(1):
        s = torch.cat([x, u, torch.ones(8, 1)], 1) @ w.T
        u = torch.sigmoid(s)
        answers.append(s[:, :1])
    scores = {name: score.value for name, score in task.scores(torch.stack(answers, 1), batch).items()}
    assert scores == pytest.approx(task.baselines()["optimal"], abs=1e-6)
