"""Rows of a finite data set by batch: every one once before any comes again, and the same for ever."""

import pytest
import torch

from recurra.corpus import rows_of_batch


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
