"""The copy task of the Evolving NTM, by hand."""

import pytest
import torch

from recurra import InvalidOption
from recurra_t_maze.copying import ENTMCopy


def test_the_layout_of_two_vectors():
    task = ENTMCopy(bits=3, shortest=2, longest=2)
    batch = task.batch(0, batch_size=1, seed=0, split="train")
    x = batch.x[0]
    assert x.shape == (7, 5)
    assert x[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert x[:, 1].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert not x[[0, 3, 4, 5, 6], 2:].any()
    assert torch.equal(batch.target[0, 5:], x[1:3, 2:])
    assert batch.mask[0].tolist() == [False] * 5 + [True] * 2


def test_training_may_show_the_same_sequences_again():
    task, sizes = ENTMCopy(fixed=True), {"batch_size": 5, "seed": 4}
    first, later = (task.batch(k, split="train", **sizes) for k in (0, 7))
    assert torch.equal(first.x, later.x)
    one, other = (task.batch(k, split="validation", **sizes) for k in (0, 7))
    assert one.x.shape != other.x.shape or not torch.equal(one.x, other.x)
    assert torch.equal(ENTMCopy().batch(0, split="train", **sizes).x, first.x)


def test_fitness_by_hand():
    task = ENTMCopy(bits=2, shortest=2, longest=2)
    batch = task.batch(0, batch_size=1, seed=0, split="train")
    batch = batch._replace(target=torch.zeros_like(batch.target))
    y = torch.full_like(batch.target, 50.0)
    y[0, 5] = torch.logit(torch.tensor([0.125, 0.2]))  # half and a fifth of a hit
    y[0, 6] = torch.logit(torch.tensor([0.25, 0.9]))
    scores = task.scores(y, batch)
    assert scores["fitness"].value == pytest.approx((0.5 + 0.2) / 4)
    assert scores["wrong_share"].value == 1


def test_each_sequence_counts_by_its_own_length():
    task = ENTMCopy()
    batch = task.batch(0, batch_size=64, seed=0, split="train")
    right = task.oracle(batch)
    first = batch.mask & (batch.mask.cumsum(1) == 1)
    y = torch.where(first[..., None], -right, right)
    due = (1 - 1 / batch.mask.sum(1)).mean()
    assert task.scores(y, batch)["fitness"].value == pytest.approx(float(due), abs=1e-5)


def test_lengths_that_contradict_are_refused():
    with pytest.raises(InvalidOption, match="shortest = 3 must not exceed longest = 2"):
        ENTMCopy(shortest=3, longest=2)
