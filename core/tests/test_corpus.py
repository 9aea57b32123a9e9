"""Rows of a finite data set by batch: every one once before any comes again, and the same for ever."""

import pytest
import torch

from recurra.data.corpus import Corpus, rows_of_batch
from recurra_contract import ToyTask


def rows(k, split="train", number=7, batch_size=4, seed=0):
    return rows_of_batch(k, batch_size=batch_size, seed=seed, split=split, number=number)


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


class Numbers(Corpus, ToyTask):
    """Shows of each sequence its number alone."""

    def count(self, split):
        return {"train": 7, "validation": 2, "test": 3}[split]

    def gather(self, split, rows):
        batch = ToyTask.sample(self, len(rows), torch.Generator().manual_seed(0))
        return batch._replace(target=rows)


def test_a_corpus_gathers_the_rows_of_a_batch():
    task = Numbers()
    for split, number in (("train", 7), ("validation", 2), ("test", 3)):
        for k in range(3):
            drawn = task.batch(k, batch_size=4, seed=5, split=split).target
            assert torch.equal(drawn, rows(k, split, number=number, seed=5))


def test_a_corpus_samples_training_sequences():
    drawn = Numbers().sample(200, torch.Generator().manual_seed(1)).target
    assert sorted(set(drawn.tolist())) == list(range(7))


def test_the_suite_of_a_corpus_says_whether_it_is_made_up():
    task = Numbers()
    assert task.suite() == {"test": task}
    task.synthetic = True
    assert task.suite() == {"synthetic-sample": task}
