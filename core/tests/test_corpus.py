"""Rows of a finite data set by batch: every one once before any comes again, and the same for ever."""

import pytest
import torch

from recurra import Batch, Corpus


class Numbers(Corpus):
    """Shows of each sequence its number alone."""

    def __init__(self, number=7):
        super().__init__(1, 1)
        self.number = number

    def count(self, split):
        return self.number

    def gather(self, split, rows):
        mask = torch.ones(len(rows), 1, dtype=torch.bool)
        return Batch(torch.zeros(len(rows), 1, 1), rows, mask, mask.sum(1))

    def loss(self, y, batch):
        return y.mean()

    def scores(self, y, batch):
        return {}


def rows(k, split="train", number=7, batch_size=4, seed=0):
    return Numbers(number).batch(k, batch_size=batch_size, seed=seed, split=split).target


@pytest.mark.parametrize("batch_size", [1, 2, 4, 7, 20])
def test_training_sees_every_row_once_before_any_comes_again(batch_size):
    drawn = torch.cat([rows(k, batch_size=batch_size) for k in range(28)])[:28].view(4, 7)
    assert [sorted(turn) for turn in drawn.tolist()] == [list(range(7))] * 4
    assert len({tuple(turn) for turn in drawn.tolist()}) == 4
    in_one = rows(0, batch_size=28).view(4, 7)
    assert torch.equal(drawn, in_one)


def test_the_order_depends_on_the_seed_in_training_alone():
    assert not torch.equal(rows(0, number=50), rows(0, number=50, seed=1))
    for split in ("validation", "test"):
        assert [row for k in range(3) for row in rows(k, split, seed=k).tolist()] == [
            *range(7),
            *range(5),
        ]


def test_what_is_changed_of_a_batch_does_not_change_the_next():
    first = rows(0, number=4)
    known = first.clone()
    first += 1
    assert torch.equal(rows(0, number=4), known)
    held_out = rows(0, "test", number=4)
    held_out += 1
    assert rows(0, "test", number=4).tolist() == [0, 1, 2, 3]


class Backwards(Numbers):
    def epoch_order(self, split, epoch, seed):
        return torch.arange(self.count(split)).flip(0) + 100 * epoch


def test_a_corpus_may_say_the_order_of_an_epoch():
    drawn = Backwards(3).batch(0, batch_size=7, seed=0, split="train").target
    assert drawn.tolist() == [2, 1, 0, 102, 101, 100, 202]


def test_the_data_is_what_it_was():
    assert rows(3, batch_size=8, seed=5).tolist() == [2, 0, 6, 5, 3, 0, 2, 4]


def test_the_suite_of_a_corpus_says_whether_it_is_made_up():
    task = Numbers()
    assert task.suite() == {"test": task}
    task.synthetic = True
    assert task.suite() == {"synthetic-sample": task}
