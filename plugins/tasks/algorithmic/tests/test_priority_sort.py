"""The priority sort task against Python's own sort, and its known values."""

import pytest
import torch

from recurra import InvalidOption
from recurra_algorithmic.priority_sort_task import PrioritySort


def draw(task, batch_size=50, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("task", [PrioritySort(), PrioritySort(bits=3, vectors=6, kept=2)])
def test_the_answer_is_the_highest_in_order(task):
    for x, target, mask, steps in zip(*draw(task), strict=True):
        shown = x[: task.vectors].tolist()
        ranked = sorted(shown, key=lambda row: row[-1], reverse=True)[: task.kept]
        assert steps == len(mask) == task.vectors + task.kept
        assert mask.tolist() == [t >= task.vectors for t in range(steps)]
        assert target[mask].tolist() == [row[:-1] for row in ranked]
        assert not x[task.vectors :].any()
        assert not target[~mask].any()


def test_priorities_are_uniform_from_minus_1_to_1():
    priorities = draw(PrioritySort(), 1000).x[:, :20, -1]
    assert priorities.min() >= -1
    assert priorities.max() <= 1
    assert priorities.mean().item() == pytest.approx(0, abs=0.02)
    assert priorities.var().item() == pytest.approx(1 / 3, abs=0.01)


def test_a_blind_guess_costs_128_bits():
    task = PrioritySort()
    batch = draw(task)
    assert task.baselines()["constant"] == {"bits_per_sequence": 128, "bit_errors": 64}
    blind = task.scores(torch.zeros_like(batch.target), batch)
    assert blind["bits_per_sequence"].value == pytest.approx(128)
    assert blind["bit_errors"].value == pytest.approx(64, abs=4)  # 5.7 / sqrt(50), five times


def test_two_neighbours_exchanged_cost_the_bits_in_which_they_differ():
    task = PrioritySort()
    batch = draw(task, 1)
    y = task.oracle(batch)
    swapped = y[:, [*range(20), 21, 20, *range(22, 36)]]
    differ = float((batch.target[0, 20] != batch.target[0, 21]).sum())
    assert differ > 0
    assert task.scores(swapped, batch)["bit_errors"].value == 2 * differ


def test_the_suite_is_the_published_task():
    suite = PrioritySort(bits=2, vectors=5, kept=3).suite()
    assert {name: (task.bits, task.vectors, task.kept) for name, task in suite.items()} == {
        "sort-16-of-20": (2, 20, 16)
    }


def test_more_than_there_are_cannot_be_kept():
    with pytest.raises(InvalidOption, match="kept = 16 must not exceed vectors = 9"):
        PrioritySort(vectors=9)
